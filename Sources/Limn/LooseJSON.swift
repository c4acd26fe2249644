/// JSON of any form, as Python writes it.
enum LooseJSON: Decodable {
    case null
    case bool(Bool)
    case integer(Int)
    /// Above what an Int holds.
    case large(UInt64)
    case number(Double)
    case string(String)
    case array([LooseJSON])
    case object([String: LooseJSON])

    init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Key.self) {
            var members: [String: LooseJSON] = [:]
            for key in container.allKeys {
                members[key.stringValue] = try container.decode(LooseJSON.self, forKey: key)
            }
            self = .object(members)
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [LooseJSON] = []
            while !container.isAtEnd { elements.append(try container.decode(LooseJSON.self)) }
            self = .array(elements)
        } else {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let value = try? container.decode(Bool.self) {
                self = .bool(value)
            } else if let value = try? container.decode(Int.self) {
                self = .integer(value)
            } else if let value = try? container.decode(UInt64.self) {
                self = .large(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else {
                self = .string(try container.decode(String.self))
            }
        }
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Python writes NaN and Infinity, which are no JSON.
    static func withoutNaN(_ text: String.UTF8View) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var (isString, isEscaped) = (false, false)
        var word: [UInt8] = []
        func flush() {
            let isNone = ["NaN", "Infinity", "-Infinity"].contains(String(decoding: word, as: UTF8.self))
            result += isNone ? Array("null".utf8) : word
            word = []
        }
        for byte in text {
            if isString {
                result.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == 0x5C {
                    isEscaped = true
                } else if byte == 0x22 {
                    isString = false
                }
                continue
            }
            switch byte {
            case 0x41...0x5A, 0x61...0x7A, 0x2D: word.append(byte)
            default:
                flush()
                result.append(byte)
                isString = byte == 0x22
            }
        }
        flush()
        return result
    }
}
