/// Lines that root's console understands.
enum RootCommand {
    /// Has a tenant end and, as its policy says, come back: as if it had died.
    static func kill(_ name: String) -> [UInt8] { line("kill \(name)") }

    /// A line, whatever somebody has typed there before: root's lines hold 64 characters, and these take them back.
    static func line(_ text: String) -> [UInt8] { [UInt8](repeating: 0x7F, count: 64) + Array("\(text)\n".utf8) }
}

extension Channel {
    /// Whether root can restart it.
    var isTenant: Bool { kind == .machine || kind == .component }
}

extension [Channel] {
    /// The console with this name, or the only one whose name begins so.
    func meant(by name: String) -> Channel? {
        if let exact = self[named: name] { return exact }
        let candidates = filter { $0.name.hasPrefix(name) }
        return candidates.count == 1 ? candidates[0] : nil
    }
}
