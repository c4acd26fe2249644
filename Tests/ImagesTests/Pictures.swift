import Foundation
import Images
import TestSupport

/// A picture from Tests/Fixtures/images/NAME.pam: a few header lines, then raw bytes.
func pam(_ name: String) throws -> Image {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("images/\(name).pam"))))
    var fields: [String: Int] = [:]
    var rest = bytes[...]
    while let end = rest.firstIndex(of: 10) {
        let line = String(decoding: rest[..<end], as: UTF8.self).split(separator: " ")
        rest = rest[(end + 1)...]
        if line.first == "ENDHDR" { break }
        if line.count == 2 { fields[String(line[0])] = Int(line[1]) }
    }
    return try Image(
        width: fields["WIDTH"] ?? 0, height: fields["HEIGHT"] ?? 0, channels: fields["DEPTH"] ?? 0,
        pixels: Array(rest))
}

/// Raw little-endian float32 values from Tests/Fixtures/images/NAME.f32.
func floats(_ name: String) throws -> [Float] {
    let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("images/\(name).f32")))
    return data.withUnsafeBytes { raw in
        (0..<data.count / 4).map {
            Float(
                bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)))
        }
    }
}

/// The bytes of Tests/Fixtures/images/NAME.png.
func pngBytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("images/\(name).png"))))
}

/// A picture with something in every pixel.
func gradient(width: Int, height: Int, channels: Int) throws -> Image {
    let pixels = (0..<width * height * channels).map {
        UInt8(truncatingIfNeeded: $0 &* 37 &+ ($0 >> 5) &* 11)
    }
    return try Image(width: width, height: height, channels: channels, pixels: pixels)
}

/// The largest difference between two pictures' values; 256 if their shapes differ.
func largestDifference(_ a: Image, _ b: Image) -> Int {
    guard a.width == b.width, a.height == b.height, a.channels == b.channels else { return 256 }
    return zip(a.pixels, b.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
}

/// A PNG chunk with its length and CRC.
func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(type.utf8) + data
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in body {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    func bigEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
    }
    return bigEndian(UInt32(data.count)) + body + bigEndian(~crc)
}

/// What an operation throws, in words; "" if it throws nothing.
func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch {
        return String(describing: error)
    }
}
