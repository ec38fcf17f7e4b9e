/// The lines that root's console understands.
enum RootCommand {
    /// Returns the line that ends a tenant as a death does. The tenant comes back if its policy says so.
    static func kill(_ name: String) -> [UInt8] { line("kill \(name)") }

    /// Returns a line that first deletes earlier input there. Root's lines hold 64 characters, so it begins with 64
    /// deletions.
    static func line(_ text: String) -> [UInt8] { [UInt8](repeating: 0x7F, count: 64) + Array("\(text)\n".utf8) }
}

extension Channel {
    /// True if root can restart it.
    var isTenant: Bool { kind == .machine || kind == .component }
}

extension [Channel] {
    /// Returns the console with this name, or the only one whose name begins with it.
    func meant(by name: String) -> Channel? {
        if let exact = self[named: name] { return exact }
        let candidates = filter { $0.name.hasPrefix(name) }
        return candidates.count == 1 ? candidates[0] : nil
    }
}
