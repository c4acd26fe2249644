/// What a pickle may ask for by name: the functions that rebuild tensors, the types of storages, and what checkpoints
/// of training carry beside their weights. None of it is code that runs: each name only says what to make of its
/// arguments, and there is nothing to make of any other name.
enum PickleGlobal {
    /// `OrderedDict`, in which weights lie.
    case dictionary
    /// An object whose `_parameters` are a dictionary of tensors.
    case parameterDictionary
    /// (storage, offset, shape, strides, …), and the dtype where `hasDType`
    case tensor(hasDType: Bool)
    /// (tensor, …)
    case parameter
    /// (function, type, arguments, state)
    case call
    /// The type of a storage; nil for one of bytes.
    case storage(DType?)
    case dtype(DType)
    /// A type that is passed over, and makes a value that is.
    case opaque

    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .dictionary
        case ("torch.nn.modules.container", "ParameterDict"): self = .parameterDictionary
        case ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"):
            self = .tensor(hasDType: false)
        case ("torch._utils", "_rebuild_tensor_v3"): self = .tensor(hasDType: true)
        case ("torch._utils", "_rebuild_parameter"), ("torch._utils", "_rebuild_parameter_with_state"):
            self = .parameter
        case ("torch._tensor", "_rebuild_from_type_v2"), ("torch._tensor", "_rebuild_from_type"),
            ("torch.tensor", "_rebuild_from_type"):
            self = .call
        case ("torch", _), ("torch.cuda", _), ("torch.storage", _):
            if let type = Self.storages[name] {
                self = .storage(type)
            } else if ["UntypedStorage", "_UntypedStorage"].contains(name) {
                self = .storage(nil)
            } else if module == "torch", let dtype = Self.dtypes[name] {
                self = .dtype(dtype)
            } else if module == "torch", Self.torchTypes.contains(name) {
                self = .opaque
            } else {
                return nil
            }
        default:
            guard Self.passedOver[module]?.contains(name) == true else { return nil }
            self = .opaque
        }
    }

    private static let storages: [String: DType] = [
        "DoubleStorage": .f64, "FloatStorage": .f32, "HalfStorage": .f16, "BFloat16Storage": .bf16,
        "LongStorage": .i64, "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8,
        "BoolStorage": .bool,
    ]

    private static let dtypes: [String: DType] = [
        "float64": .f64, "float32": .f32, "float16": .f16, "bfloat16": .bf16, "int64": .i64, "int32": .i32,
        "int16": .i16, "int8": .i8, "uint8": .u8, "bool": .bool, "float8_e4m3fn": .f8E4M3, "float8_e5m2": .f8E5M2,
    ]

    private static let torchTypes: Set<String> = [
        "Size", "device", "Tensor", "DoubleTensor", "FloatTensor", "HalfTensor", "BFloat16Tensor", "LongTensor",
        "IntTensor", "ShortTensor", "CharTensor", "ByteTensor", "BoolTensor",
    ]

    /// Numbers of NumPy, settings, and what PyTorch Lightning saves of a training.
    private static let passedOver: [String: Set<String>] = {
        let plain: Set<String> = [
            "set", "frozenset", "list", "dict", "tuple", "int", "float", "bool", "str", "bytes", "bytearray", "complex",
            "slice", "range", "object",
        ]
        let omegaconf: [String: Set<String>] = [
            "omegaconf.dictconfig": ["DictConfig"], "omegaconf.listconfig": ["ListConfig"],
            "omegaconf.base": ["ContainerMetadata", "Metadata"],
            "omegaconf.nodes": ["AnyNode", "BooleanNode", "FloatNode", "IntegerNode", "StringNode"],
        ]
        var names: [String: Set<String>] = [
            "builtins": plain, "__builtin__": plain.union(["unicode", "long"]),
            "_codecs": ["encode"], "copyreg": ["_reconstructor"], "copy_reg": ["_reconstructor"],
            "collections": ["defaultdict", "Counter", "deque"], "argparse": ["Namespace"], "typing": ["Any"],
            "pathlib": ["PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"],
            "numpy": ["dtype", "ndarray"], "torch.nn.parameter": ["Parameter", "Buffer"],
            "torch._C": ["_TensorMeta"], "torch.torch_version": ["TorchVersion"],
        ]
        for module in ["numpy.core.multiarray", "numpy._core.multiarray"] {
            names[module] = ["scalar", "_reconstruct"]
        }
        for kind in ["Float32", "Float64", "Int32", "Int64", "Bool"] {
            names["numpy.dtypes", default: []].insert(kind + "DType")
        }
        for library in ["pytorch_lightning", "lightning.pytorch"] {
            names["\(library).callbacks.model_checkpoint"] = ["ModelCheckpoint"]
            names["\(library).callbacks.early_stopping"] = ["EarlyStopping"]
            names["\(library).utilities.parsing"] = ["AttributeDict"]
        }
        return names.merging(omegaconf) { first, _ in first }
    }()
}
