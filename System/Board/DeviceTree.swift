import ABI
import Foundation

/// A flattened device tree, which `fdtget` reads (Devicetree Specification, chapter 2).
struct DeviceTree {
    struct Cells {
        var address: Int
        var size: Int
    }

    let file: URL
    let read: ([String]) throws -> String

    /// Returns the paths of the nodes directly below `node`.
    func children(of node: String) throws(Failure) -> [String] {
        let prefix = node == "/" ? "/" : node + "/"
        return try run(["-l", file.path, node]).split(separator: "\n").map { prefix + $0 }
    }

    func cells(of node: String) throws(Failure) -> Cells {
        let counts = try numbers(["-t", "x", "-d", "2", file.path, node, "#address-cells"])
        let sizes = try numbers(["-t", "x", "-d", "1", file.path, node, "#size-cells"])
        guard counts.count == 1, sizes.count == 1, (1...2).contains(counts[0]), sizes[0] <= 2 else {
            throw malformed(node, "#address-cells")
        }
        return Cells(address: Int(counts[0]), size: Int(sizes[0]))
    }

    /// Returns `property` of each of `nodes`, with an empty list for a node that lacks it.
    func strings(_ property: String, of nodes: [String]) throws(Failure) -> [[String]] {
        guard !nodes.isEmpty else { return [] }
        let output = try run(["-t", "s", "-d", "", file.path] + nodes.flatMap { [$0, property] })
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= nodes.count else { throw malformed(nodes[0], property) }
        return lines.prefix(nodes.count).map { $0.split(separator: " ").map(String.init) }
    }

    /// Returns the 32-bit cells of `property`.
    func words(_ property: String, of node: String) throws(Failure) -> [UInt64] {
        try numbers(["-t", "x", file.path, node, property])
    }

    /// Returns true if a node has a property of cells.
    func has(_ property: String, _ node: String) throws(Failure) -> Bool {
        try run(["-t", "x", "-d", "none", file.path, node, property]).trimmingCharacters(in: .whitespacesAndNewlines)
            != "none"
    }

    /// Returns the `reg` property as ranges.
    func ranges(of node: String, cells: Cells) throws(Failure) -> [MemoryRange] {
        let words = try words("reg", of: node)
        let stride = cells.address + cells.size
        guard words.count.isMultiple(of: stride) else { throw malformed(node, "reg") }
        var ranges: [MemoryRange] = []
        for start in Swift.stride(from: 0, to: words.count, by: stride) {
            let base = Self.number(words[start...].prefix(cells.address))
            let size = Self.number(words[(start + cells.address)...].prefix(cells.size))
            guard !base.addingReportingOverflow(size).overflow else { throw malformed(node, "reg") }
            ranges.append(MemoryRange(base: base, size: size))
        }
        return ranges
    }

    static func number(_ cells: ArraySlice<UInt64>) -> UInt64 { cells.reduce(0) { $0 << 32 | $1 } }

    private func numbers(_ arguments: [String]) throws(Failure) -> [UInt64] {
        let output = try run(arguments)
        var numbers: [UInt64] = []
        for word in output.split(whereSeparator: \.isWhitespace) {
            guard let number = UInt32(word, radix: 16) else {
                throw malformed(arguments.dropLast().last ?? "/", arguments.last ?? "")
            }
            numbers.append(UInt64(number))
        }
        return numbers
    }

    private func run(_ arguments: [String]) throws(Failure) -> String {
        do {
            return try read(arguments)
        } catch {
            throw Failure(
                "the device tree \(file.lastPathComponent) cannot be read: \((error as? Failure)?.problem ?? "\(error)")",
                remedy: "check that it is a flattened device tree and that fdtget is installed")
        }
    }

    private func malformed(_ node: String, _ property: String) -> Failure {
        Failure(
            "'\(property)' of '\(node)' makes no sense in \(file.lastPathComponent)",
            remedy: "check the board's device tree")
    }
}
