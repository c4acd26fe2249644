/// What a file of weights is, told by its first bytes: endings lie.
enum WeightFileKind {
    case safetensors
    /// The JSON index of a checkpoint in several files.
    case index
    /// What `torch.save` writes since PyTorch 1.6.
    case zip
    /// What it wrote before: several pickles, one after the other.
    case pickles
    /// What it wrote before 0.1.10.
    case tar
    case gguf

    /// - Parameter file: the whole file's bytes
    init?(_ file: UnsafeRawBufferPointer) {
        func begins(_ text: StaticString, at offset: Int = 0) -> Bool {
            guard file.count - offset >= text.utf8CodeUnitCount else { return false }
            return (0..<text.utf8CodeUnitCount).allSatisfy { file[offset + $0] == text.utf8Start[$0] }
        }
        if file.count > 8, file[8] == UInt8(ascii: "{"),
            UInt64(littleEndian: file.loadUnaligned(as: UInt64.self)) <= UInt64(SafetensorsHeader.lengthLimit)
        {
            self = .safetensors
        } else if begins("GGUF") {
            self = .gguf
        } else if begins("PK\u{3}\u{4}") || begins("PK\u{5}\u{6}") {
            self = .zip
        } else if begins("ustar", at: 257) {
            self = .tar
        } else if let first = file.first, first == UInt8(ascii: "{") {
            self = .index
        } else if file.count > 1, file[0] == 0x80 && file[1] < 16 || begins("L119547037146038801333356L") {
            // PROTO and a protocol's number; the first two protocols have no such start, but PyTorch's magic number.
            self = .pickles
        } else {
            return nil
        }
    }

    /// What to say about a file of no kind that is read.
    static func refusal(_ file: UnsafeRawBufferPointer) -> String {
        func begins(_ text: String) -> Bool { file.starts(with: text.utf8) }
        if file.isEmpty { return "the file is empty (0 bytes); download or copy it again" }
        if begins("version ") { return "this is a Git LFS pointer, not the file itself; run `git lfs pull`" }
        if begins("<") { return "this is a web page, not a file of weights; download the file itself" }
        if begins("\u{7F}ELF") { return "this is a program, not a file of weights" }
        for old in ["lmgg", "fmgg", "tjgg", "algg"] where begins(old) {
            return "this is a GGML file from before GGUF; convert it to GGUF or safetensors"
        }
        if file.starts(with: [0x89, 0x48, 0x44, 0x46]) {
            return "this is an HDF5 file (TensorFlow); use the safetensors or PyTorch file of the model"
        }
        return "it is no file of weights that limn knows: safetensors, PyTorch (.ckpt, .pt, .pth, .bin), GGUF, "
            + "or the index of several"
    }
}
