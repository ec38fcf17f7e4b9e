import ABI
import Foundation

/// A console of a system, as the tool knows it.
package struct Channel {
    package enum Kind { case kernel, root, component, machine }

    package var name: String
    package var kind: Kind
    /// The number of the channel on the serial line.
    package var number: UInt8
    /// The program to which the addresses in its lines, or in lines about it, belong.
    package var program: URL?
}

extension [Channel] {
    package subscript(named name: String) -> Channel? { first { $0.name == name } }

    package var machines: [Channel] { filter { $0.kind == .machine } }
}
