import Foundation

/// The tool's arguments as the system passed them.
enum RawArguments {
    /// Returns the bytes of an argument's text. `String` replaces bytes that are not UTF-8, but a command for a machine
    /// must arrive as it was written.
    ///
    /// - Parameter text: an argument of the tool, or the part of one behind the `=`.
    static func bytes(of text: String, among arguments: [[UInt8]] = all) -> [UInt8] {
        for argument in arguments {
            let value = argument.starts(with: "--".utf8) ? argument.drop { $0 != UInt8(ascii: "=") }.dropFirst() : []
            for candidate in [argument[...], value] where String(decoding: candidate, as: UTF8.self) == text {
                return Array(candidate)
            }
        }
        return Array(text.utf8)
    }

    private static var all: [[UInt8]] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { number in
            CommandLine.unsafeArgv[number].map { pointer in
                let bytes = UnsafeBufferPointer(start: pointer, count: strlen(pointer))
                return bytes.map { UInt8(bitPattern: $0) }
            }
        }
    }
}
