/// A value on the pickle machine's stack. Containers are numbers of entries in `PickleValues`: values can then
/// refer to each other in circles and lie within each other a million deep, and still are freed in one piece.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    /// A tuple, list or set.
    case list(Int)
    case dictionary(Int)
    case global(PickleGlobal)
    case storage(Int)
    case tensor(Int)
    /// Something that is of no use here: an integer of more than 64 bits, bytes, another library's object.
    case opaque
    /// The integer that stands at the beginning of PyTorch's files.
    case magic

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var integer: Int? { if case .integer(let value) = self { value } else { nil } }
}

/// Memory that a pickle speaks of: values of one type under a name.
struct PickledStorage {
    let key: String
    let dtype: DType
    /// Values in all of it.
    let total: Int
    /// The values of it that are meant.
    let view: Range<Int>
}

/// A tensor as a pickle describes it: values of a storage, picked by steps. Nothing of it is checked yet.
struct PickledTensor {
    let storage: PickledStorage
    let dtype: DType
    /// In values, as are the strides.
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}

/// What the values on the stack refer to.
struct PickleValues {
    private(set) var lists: [[PickleValue]] = [[]]
    private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    private(set) var storages: [PickledStorage] = []
    private(set) var tensors: [PickledTensor] = []

    // Empty tuples cannot change, so that one is enough.
    static let emptyTuple = PickleValue.list(0)

    mutating func add(list: [PickleValue]) -> PickleValue {
        lists.append(list)
        return .list(lists.count - 1)
    }

    mutating func addDictionary() -> PickleValue {
        dictionaries.append([])
        return .dictionary(dictionaries.count - 1)
    }

    mutating func add(_ storage: PickledStorage) -> PickleValue {
        storages.append(storage)
        return .storage(storages.count - 1)
    }

    mutating func add(_ tensor: PickledTensor) -> PickleValue {
        tensors.append(tensor)
        return .tensor(tensors.count - 1)
    }

    mutating func append(_ values: some Sequence<PickleValue>, toList index: Int) {
        // The shared empty tuple is no list that a pickle could have meant.
        if index != 0 { lists[index].append(contentsOf: values) }
    }

    mutating func set(_ key: PickleValue, _ value: PickleValue, inDictionary index: Int) {
        dictionaries[index].append((key, value))
    }

    /// The elements of a tuple or list.
    func elements(_ value: PickleValue) -> [PickleValue]? {
        guard case .list(let index) = value else { return nil }
        return lists[index]
    }

    func members(_ value: PickleValue) -> [(key: PickleValue, value: PickleValue)]? {
        guard case .dictionary(let index) = value else { return nil }
        return dictionaries[index]
    }

    /// The value of a dictionary's key; the last one counts.
    func member(_ key: String, of value: PickleValue) -> PickleValue? {
        members(value)?.last { $0.key.text == key }?.value
    }

    func integers(_ value: PickleValue) -> [Int]? {
        guard let elements = elements(value) else { return nil }
        let integers = elements.compactMap(\.integer)
        return integers.count == elements.count ? integers : nil
    }
}
