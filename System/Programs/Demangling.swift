import Foundation

// The demangler of the Swift runtime, which every Swift program on the host links already.
@_silgen_name("swift_demangle")
private func swiftDemangle(
    _ name: UnsafePointer<CChar>, _ length: Int, _ output: UnsafeMutablePointer<CChar>?,
    _ outputSize: UnsafeMutablePointer<Int>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

/// Returns a Swift symbol as people write it, and any other name unchanged.
func demangled(_ name: String) -> String {
    guard name.hasPrefix("$s") || name.hasPrefix("$e") else { return name }
    guard let text = name.withCString({ swiftDemangle($0, name.utf8.count, nil, nil, 0) }) else { return name }
    defer { free(text) }
    return String(cString: text)
}
