import Foundation

/// Reads the key `firmware` of a machine, which takes the place of a kernel.
struct FirmwareParser {
    let section: ManifestSection

    /// The keys that say how a kernel starts, each with the reason why firmware has no use for it.
    private static let excluded = [
        ("guest", "one excludes the other"),
        ("flavour", "the system on the disk brings its own kernel"),
        ("kernel", "one excludes the other"),
        ("initrd", "the system on the disk brings its own"),
        ("format", "firmware is plain code"),
        ("command-line", "the boot loader on the disk gives the kernel its command line"),
    ]

    func guest() -> GuestSource {
        for (key, reason) in Self.excluded where section.has(key) {
            section.report(
                at: key, "\(section.title) has '\(key)' beside 'firmware', but \(reason)",
                remedy: "remove '\(key)', or remove 'firmware' to start a kernel directly")
        }
        return source().map { .firmware($0) } ?? .debian(flavour: .cloud)
    }

    /// Returns nil if the key's value is at fault, which this function reports.
    private func source() -> FirmwareSource? {
        guard let text = section.text("firmware") else { return nil }
        if let known = FirmwareSource.names.first(where: { $0.name == text }) { return known.source }
        let names = FirmwareSource.names.map(\.name)
        let guess = text.nearest(in: names).map { "; or did you mean '\($0)'?" }
        let advice = guess ?? "; for Debian's firmware write \(names.map { "'\($0)'" }.joined(separator: " or "))"
        guard let file = section.path("firmware", otherwise: advice) else { return nil }
        do {
            try FirmwareImage.check(try Data(contentsOf: file, options: .mappedIfSafe))
        } catch let failure as Failure {
            section.report(
                at: "firmware", "'firmware' of \(section.title): \(failure.problem)",
                remedy: failure.remedy ?? "name another")
        } catch {
            section.report(
                at: "firmware", "'firmware' of \(section.title) cannot be read", remedy: "make the file readable")
        }
        return .file(file)
    }
}
