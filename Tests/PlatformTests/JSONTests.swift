import Testing

@testable import Platform

@Suite struct JSONTests {
    private func parse(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

    @Test func stringsAndTheirEscapes() throws {
        #expect(try parse(#""a\n\u00e9\ud83d\ude00\"\\""#).string == "a\né😀\"\\")
        #expect(try parse("\"\u{10FFFF}\"").string == "\u{10FFFF}")
        for bad in [#""\ud83d""#, #""\ud83dx""#, #""\x""#, "\"a", "\"\n\"", #""\u12"#] {
            #expect(throws: JSONError.self) { try parse(bad) }
        }
    }

    @Test func numbers() throws {
        #expect(try parse(" -12 ").integer == -12)
        #expect(try parse("-12.5e1").number == -125)
        #expect(try parse("-10.123456001281738").number == -10.123456001281738)
        #expect(try parse("18446744073709551615") == .large(.max))
        #expect(try parse("-Infinity").number == -.infinity)
        #expect(try parse("[NaN, Infinity]").array?.map { $0.number?.isFinite } == [false, false])
        for bad in ["-", "1 2", "e", "[1,]", "{\"a\" 1}", "tru", "", "1.5.2", "01", "+1", "-Inf", "1e"] {
            #expect(throws: JSONError.self) { try parse(bad) }
        }
    }

    @Test func objectsKeepTheirOrderAndTellKeysApartByTheirBytes() throws {
        // Composed and decomposed é: the same String to Swift, two keys in a file.
        let object = try parse("{\"b\": 1, \"a\": null, \"\u{E9}\": 2, \"e\u{301}\": 3}")
        #expect(object.members?.map(\.value) == [.integer(1), .null, .integer(2), .integer(3)])
        #expect(object["a"] == nil && object["b"] == .integer(1))
        #expect(throws: JSONError.self) { try parse(#"{"a": 1, "\u0061": 2}"#) }
    }

    /// Foundation's decoder ends the process on some of these.
    @Test(
        arguments: [
            [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], [0x7B, 0x22, 0x61, 0x22, 0x3A, 0xC3, 0x7D],
            [0xFF, 0xFE, 0x7B, 0x00],
            [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x5B, 0x80, 0x5D],
            [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22],
        ] as [[UInt8]])
    func bytesThatAreNotUTF8AreAnError(_ bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSON(parsing: bytes) }
    }

    @Test func nestingIsBounded() throws {
        let deep = String(repeating: "[", count: 100_000)
        do {
            _ = try parse(deep)
            Issue.record("100,000 brackets were read")
        } catch let error as JSONError {
            #expect(error.description.contains("nested more than 64 levels deep"))
        }
        #expect(try parse(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)).array?.count == 1)
    }

    @Test func aByteOrderMarkIsSkipped() throws {
        #expect(try JSON(parsing: [0xEF, 0xBB, 0xBF] + Array("[1]".utf8)) == .array([.integer(1)]))
    }

    @Test func writtenTextReadsBackAsTheSameValue() throws {
        let value = try parse(#"{"b": [1, 2.5, -0.125, "a\"\\\n\u0001é", null, true, {}], "a": 18446744073709551615}"#)
        #expect(try parse(value.text) == value)
        #expect(value.text.hasPrefix("{\n  \"a\": 18446744073709551615,\n  \"b\": [\n"))
    }
}

@Suite struct JSONDecodingTests {
    struct Inner: Codable, Equatable {
        enum Kind: String, Codable { case one, two }
        var kind: Kind
        var values: [Float]
        var table: [String: Int]?
    }

    struct Outer: Codable, Equatable {
        var name: String
        var count: UInt64
        var share: Double
        var isOn: Bool
        var inner: Inner?
        var pairs: [[Int8]]
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
        try JSON(parsing: Array(text.utf8)).decode(type)
    }

    @Test func whatCodableTypesAreMadeOf() throws {
        let read = try decode(
            Outer.self,
            """
            {"name": "é", "count": 18446744073709551615, "share": 1, "isOn": true, "pairs": [[1, -2], []], "more": 3,
             "inner": {"kind": "two", "values": [1, 2.5e-3], "table": {"a": 1.0}}}
            """)
        let inner = Inner(kind: .two, values: [1, 2.5e-3], table: ["a": 1])
        #expect(read == Outer(name: "é", count: .max, share: 1, isOn: true, inner: inner, pairs: [[1, -2], []]))
        #expect(try decode(Inner?.self, "null") == nil)
        #expect(try decode(Inner.self, #"{"kind": "one", "values": [], "table": null}"#).table == nil)
    }

    @Test(arguments: [
        #"{"kind": "three", "values": []}"#, #"{"kind": "one"}"#, #"{"kind": "one", "values": [1e300]}"#,
        #"{"kind": "one", "values": {}}"#, #"{"kind": 1, "values": []}"#, #"{"kind": "one", "values": [true]}"#,
        #"{"kind": "one", "values": [null]}"#, #"{"kind": "one", "values": [], "table": {"a": 0.5}}"#, "[]", "7",
    ])
    func anythingElseIsADecodingError(_ text: String) {
        #expect(throws: DecodingError.self) { try decode(Inner.self, text) }
    }

    @Test func numbersThatDoNotFitAreErrors() {
        #expect(throws: DecodingError.self) { try decode([Int8].self, "[128]") }
        #expect(throws: DecodingError.self) { try decode(UInt64.self, "-1") }
        #expect(throws: DecodingError.self) { try decode(Int.self, "1e30") }
    }
}
