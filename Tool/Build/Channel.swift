import ABI
import Foundation

/// One of a system's consoles, as the tool knows it.
package struct Channel {
    package enum Kind { case kernel, root, component, machine }

    package var name: String
    package var kind: Kind
    /// Its number on the serial line.
    package var number: UInt8
    /// The program whose addresses its lines, or lines about it, may hold.
    package var program: URL?
}

extension [Channel] {
    package subscript(named name: String) -> Channel? { first { $0.name == name } }

    package var machines: [Channel] { filter { $0.kind == .machine } }
}
