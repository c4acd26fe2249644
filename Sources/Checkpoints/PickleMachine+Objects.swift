import Platform

/// Names, calls and objects: what other readers of pickles would import and run.
extension PickleMachine {
    mutating func object(_ instruction: PickleInstruction) throws {
        switch instruction {
        case .global:
            let module = reader.text(try reader.line("a name"))
            push(.global(try global(module, reader.text(try reader.line("a name")))))
        case .stackGlobal:
            guard let name = try pop().text, let module = try pop().text else { throw damaged("a name is no text") }
            push(.global(try global(module, name)))
        case .reduce, .newObj:
            let arguments = try pop()
            push(try call(try pop(), arguments))
        case .newObjEx:
            _ = try pop()
            let arguments = try pop()
            push(try call(try pop(), arguments))
        case .inst:
            let module = reader.text(try reader.line("a name"))
            let type = try global(module, reader.text(try reader.line("a name")))
            push(try call(.global(type), values.add(list: try popMarked())))
        case .obj:
            let marked = try popMarked()
            guard let type = marked.first else { throw damaged("an object has no class") }
            push(try call(type, values.add(list: Array(marked.dropFirst()))))
        case .build: try build(try pop())
        case .persID:
            let id = Int(reader.text(try reader.line("a storage's name")))
            push(try outside(id.map(PickleValue.integer) ?? .none))
        default: push(try outside(try pop()))
        }
    }

    private func global(_ module: String, _ name: String) throws -> PickleGlobal {
        if let known = PickleGlobal(module: module, name: name) { return known }
        let full = quoted("\(module).\(name)")
        throw reader.failure(
            "asks for \(full), which limn does not know as part of a checkpoint. Nothing in the file was run. If you "
                + "trust it, load it with PyTorch and save its weights as safetensors")
    }

    /// What a call makes.
    private mutating func call(_ function: PickleValue, _ arguments: PickleValue) throws -> PickleValue {
        guard case .global(let global) = function else {
            // An object of another library may be made of other such objects.
            if case .opaque = function { return .opaque }
            throw damaged("something is called that is no function")
        }
        guard let arguments = values.elements(arguments) else { throw damaged("a call's arguments are no tuple") }
        switch global {
        case .dictionary, .parameterDictionary: return try dictionary(arguments)
        case .tensor(let hasDType): return values.add(try tensor(arguments, hasDType: hasDType))
        case .parameter:
            guard case .tensor? = arguments.first else { throw damaged("a parameter is no tensor") }
            return arguments[0]
        case .call:
            guard arguments.count >= 3, case .global(let inner) = arguments[0] else {
                throw damaged("a tensor is rebuilt by no function")
            }
            // One level alone: tensors of tensors of tensors are nothing that PyTorch writes.
            if case .call = inner { throw damaged("a tensor is rebuilt by a function that rebuilds tensors") }
            return try call(arguments[0], arguments[2])
        case .storage, .dtype: throw damaged("a storage's type is called")
        case .opaque: return .opaque
        }
    }

    /// A dictionary of pairs, as the first protocols have it.
    private mutating func dictionary(_ arguments: [PickleValue]) throws -> PickleValue {
        let result = values.addDictionary()
        guard case .dictionary(let index) = result, let pairs = arguments.first.flatMap({ values.elements($0) }) else {
            return result
        }
        try spend(pairs.count)
        for pair in pairs {
            guard let pair = values.elements(pair), pair.count == 2 else { throw damaged("a pair has not two values") }
            values.set(pair[0], pair[1], inDictionary: index)
        }
        return result
    }

    private func tensor(_ arguments: [PickleValue], hasDType: Bool) throws -> PickledTensor {
        guard arguments.count >= 4, case .storage(let index) = arguments[0], let offset = arguments[1].integer,
            let shape = numbers(arguments[2]), let strides = numbers(arguments[3])
        else { throw damaged("a tensor is described in an unknown way") }
        let storage = values.storages[index]
        var dtype = storage.dtype
        if hasDType {
            guard arguments.count > 6, case .global(.dtype(let given)) = arguments[6] else {
                throw damaged("a tensor has a dtype that limn does not know")
            }
            dtype = given
        }
        if let notes = arguments.dropFirst(hasDType ? 7 : 6).first.flatMap({ values.members($0) }), !notes.isEmpty {
            throw reader.failure("has a tensor that is to be negated or conjugated on use; save it as it is")
        }
        return PickledTensor(storage: storage, dtype: dtype, offset: offset, shape: shape, strides: strides)
    }

    private func numbers(_ value: PickleValue) -> [Int]? {
        // Asked first: a tuple of a million numbers could be used a million times.
        guard let count = values.elements(value)?.count, count <= Self.rankLimit else { return nil }
        return values.integers(value)
    }

    /// Gives an object its state. Only the parameters of one are of interest.
    private mutating func build(_ state: PickleValue) throws {
        switch try top() {
        case .dictionary(let index):
            guard let fields = values.members(state) else { return }
            try spend(fields.count)
            guard let parameters = values.member("_parameters", of: state).flatMap({ values.members($0) }) else {
                return
            }
            try spend(parameters.count)
            for (key, value) in parameters { values.set(key, value, inDictionary: index) }
        case .opaque, .tensor: break
        default: throw damaged("a state is given to what is no object")
        }
    }

    /// What a persistent id stands for: a storage, or in the oldest files a tensor.
    private mutating func outside(_ id: PickleValue) throws -> PickleValue {
        if let outside {
            let number = id.integer ?? id.text.flatMap { Int($0) }
            guard let number, let tensor = outside[number] else { throw damaged("it has a tensor that is not there") }
            return values.add(tensor)
        }
        guard let parts = values.elements(id), parts.count >= 5, parts[0].text == "storage",
            case .global(.storage(let dtype)) = parts[1], let total = parts[4].integer, total >= 0,
            let key = parts[2].text ?? parts[2].integer.map(String.init)
        else {
            if let parts = values.elements(id), parts.first?.text == "module" {
                throw reader.failure("holds a whole module instead of its weights; save its state_dict()")
            }
            throw damaged("a storage is described in an unknown way")
        }
        var view = 0..<total
        if parts.count > 5, let given = values.elements(parts[5]) {
            guard given.count == 3, let offset = given[1].integer, let count = given[2].integer, offset >= 0,
                count >= 0, offset <= total, count <= total - offset
            else { throw damaged("a storage's view lies outside of it") }
            view = offset..<offset + count
        }
        return values.add(PickledStorage(key: key, dtype: dtype ?? .u8, total: total, view: view))
    }
}
