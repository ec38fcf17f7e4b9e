import Foundation
import Yams

/// One mapping of the manifest, whose keys are known. Each getter reports the faults of a value and then returns the
/// default, so that one run finds all errors.
struct ManifestSection {
    let source: ManifestSource
    /// The name that errors use, such as `machine 'debian'`.
    let title: String
    /// The place of the section's own name.
    let mark: Mark?
    /// False if something else stands in the mapping's place. The parser has then reported that.
    let isMapping: Bool
    /// The keys that the mapping may hold.
    private let part: ManifestPart
    private(set) var hasUnknownKeys = false
    private var values: [String: (key: Node, value: Node)] = [:]

    init(_ node: Node, title: String, at mark: Mark?, part: ManifestPart, source: ManifestSource) {
        self.source = source
        self.title = title
        self.mark = mark ?? node.mark
        self.part = part
        let known = part.names
        isMapping = node.mapping != nil
        guard let mapping = node.mapping else {
            // Nothing follows the colon, so each key has its default.
            if !node.isEmpty {
                source.report(
                    at: node, "\(title) is \(node.kindDescription), but a mapping of keys and values is expected",
                    remedy: "write 'key: value' lines, indented below it; keys are \(enumerated(known))")
            }
            return
        }
        for (key, value) in mapping {
            guard let name = key.text, known.contains(name) else {
                hasUnknownKeys = true
                reportUnknown(key, known)
                continue
            }
            values[name] = (key, value)
        }
    }

    private func reportUnknown(_ key: Node, _ known: [String]) {
        let name = key.scalar?.string ?? key.kindDescription
        let remedy =
            name == "<<"
            ? "write the keys out: a manifest may repeat a value by '*NAME', and merges no mappings"
            : ManifestKeys.meant(by: name, among: known).map { "did you mean '\($0)'?" }
                ?? "keys here are \(enumerated(known))"
        source.report(at: key, "unknown key '\(name.shortened)' in \(title)", remedy: remedy)
    }

    func has(_ key: String) -> Bool { values[key] != nil }

    func node(_ key: String) -> Node? { values[key]?.value }

    /// The place of each key's value.
    var marks: [String: Mark] { values.compactMapValues(\.value.mark) }

    /// Returns the place of the key, or of the section if the key is missing.
    func mark(of key: String) -> Mark? { values[key]?.key.mark ?? mark }

    func report(at key: String, _ problem: String, remedy: String) {
        source.report(at: values[key]?.value.mark ?? mark, problem, remedy: remedy)
    }

    private func reportType(_ key: String, _ node: Node, expected: String, remedy: String) {
        source.report(
            at: node, "'\(key)' of \(title) is \(node.kindDescription), but \(expected) is expected", remedy: remedy)
    }

    func text(_ key: String) -> String? {
        guard let node = node(key) else { return nil }
        guard let text = node.text else {
            reportType(key, node, expected: "text", remedy: "write text behind '\(key):', in quotes if need be")
            return nil
        }
        return text
    }

    /// Returns a number within the key's range.
    ///
    /// - Parameters:
    ///   - narrower: a part of that range, if another key decides it.
    ///   - standard: the default, if the key has none of its own.
    func number(_ key: String, in narrower: ClosedRange<Int>? = nil, default standard: Int? = nil) -> Int {
        guard case .number(let whole, let own) = part[key].kind, let standard = standard ?? own else {
            preconditionFailure("'\(key)' is no number with a default")
        }
        let range = narrower ?? whole
        guard let node = node(key) else { return standard }
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard node.scalar != nil, let number = node.signedNumber else {
            reportType(key, node, expected: expected, remedy: "write '\(key): \(standard)', for example")
            return standard
        }
        guard range.contains(number) else {
            source.report(
                at: node, "'\(key)' of \(title) is \(number), outside \(range.lowerBound) to \(range.upperBound)",
                remedy: "write \(expected)")
            return standard
        }
        return number
    }

    /// Returns a number of bytes within the key's range.
    ///
    /// - Parameter standard: the default, if the key has none of its own.
    func size(_ key: String, default standard: UInt64? = nil) -> UInt64 {
        guard case .size(let range, let granule, let own) = part[key].kind, let standard = standard ?? own else {
            preconditionFailure("'\(key)' is no size with a default")
        }
        guard let node = node(key) else { return standard }
        let example = "write '\(key): \(ByteSize(bytes: standard))', for example; units are KiB, MiB and GiB"
        guard let bytes = node.byteSize else {
            reportType(key, node, expected: "a number of bytes", remedy: example)
            return standard
        }
        let size = ByteSize(bytes: bytes)
        guard range.contains(bytes) else {
            source.report(
                at: node,
                "'\(key)' of \(title) is \(size), outside \(ByteSize(bytes: range.lowerBound)) to "
                    + "\(ByteSize(bytes: range.upperBound))", remedy: example)
            return standard
        }
        guard bytes.isMultiple(ofSize: granule) else {
            source.report(
                at: node, "'\(key)' of \(title) is \(size), which is no multiple of \(ByteSize(bytes: granule))",
                remedy: "write '\(key): \(ByteSize(bytes: bytes.aligned(to: granule)))'")
            return bytes.aligned(to: granule)
        }
        return bytes
    }

    /// Returns one of the key's choices.
    ///
    /// - Parameter advice: a text behind the remedy, for a wish that none of the choices may fulfil.
    func choice(_ key: String, otherwise advice: String = "") -> String {
        var kind = part[key].kind
        if case .either(let one, _) = kind { kind = one }
        guard case .choice(let choices, let own) = kind, let standard = own else {
            preconditionFailure("'\(key)' is no choice with a default")
        }
        guard has(key), let text = text(key) else { return standard }
        guard choices.contains(text) else {
            let guess = text.nearest(in: choices).map { "did you mean '\($0)'? " } ?? ""
            let possible = choices.count == 1 ? "possible is \(choices[0])" : "choose from \(enumerated(choices))"
            report(
                at: key, "'\(key)' of \(title) is '\(text.shortened)', which is not a known value",
                remedy: guess + possible + advice)
            return standard
        }
        return text
    }

    /// Returns `true` or `false`.
    func flag(_ key: String) -> Bool {
        guard case .flag(let standard) = part[key].kind else { preconditionFailure("'\(key)' is no truth value") }
        guard let node = node(key) else { return standard }
        guard node.scalar != nil, let value = node.bool else {
            reportType(
                key, node, expected: "true or false", remedy: "write '\(key): \(!standard)', or leave it out")
            return standard
        }
        return value
    }

    /// Returns the range of a length of time.
    func durations(_ key: String) -> ClosedRange<UInt64> {
        guard case .duration(let range) = part[key].kind else { preconditionFailure("'\(key)' is no length of time") }
        return range
    }

    /// Returns the elements of a list. It does not accept a single value in the place of a list.
    func list(_ key: String, of what: String) -> [Node] {
        guard let node = node(key) else { return [] }
        guard let sequence = node.sequence else {
            reportType(key, node, expected: "a list of \(what)", remedy: "write the list in brackets: '\(key): [...]'")
            return []
        }
        return Array(sequence)
    }

    /// Returns the path of a file, relative to the manifest's folder. Reports a path at which a folder lies, or whose
    /// folder does not exist.
    func newFile(_ key: String) -> URL? {
        guard has(key), let text = text(key) else { return nil }
        let url = URL(fileURLWithPath: text, relativeTo: source.folder).absoluteURL.standardizedFileURL
        var isFolder: ObjCBool = false
        if text.isEmpty
            || FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && isFolder.boolValue
        {
            report(at: key, "'\(key)' of \(title) names '\(text.shortened)', which is a folder", remedy: "name a file")
            return nil
        }
        guard FileManager.default.fileExists(atPath: url.deletingLastPathComponent().path) else {
            report(
                at: key, "'\(key)' of \(title) names '\(text.shortened)', but its folder does not exist",
                remedy: "make the folder, or correct the path, which begins at the manifest's folder")
            return nil
        }
        return url
    }

    /// Returns a number of bytes within the key's range, or nil if the key is missing.
    func optionalSize(_ key: String) -> UInt64? {
        guard has(key), case .size(let range, _, _) = part[key].kind else { return nil }
        return size(key, default: max(range.lowerBound, 1 << 30))
    }

    /// Returns a path, relative to the manifest's folder. Reports a path at which nothing exists.
    ///
    /// - Parameter advice: a text behind the remedy of that report.
    func path(_ key: String, folder isFolder: Bool = false, otherwise advice: String = "") -> URL? {
        guard has(key), let text = text(key) else { return nil }
        let url = URL(fileURLWithPath: text, relativeTo: source.folder).absoluteURL.standardizedFileURL
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory)
        guard exists, !text.isEmpty else {
            let what = isFolder ? "folder" : "file"
            report(
                at: key, "'\(key)' of \(title) names '\(text.shortened)', but there is no such \(what)",
                remedy: "correct the path, which begins at the manifest's folder" + advice)
            return nil
        }
        guard isDirectory.boolValue == isFolder else {
            report(
                at: key, "'\(key)' of \(title) names '\(text.shortened)', which is a \(isFolder ? "file" : "folder")",
                remedy: "name a \(isFolder ? "folder" : "file")")
            return nil
        }
        return url
    }
}
