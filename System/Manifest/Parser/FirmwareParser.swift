import Foundation
import Yams

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

    /// The keys that describe a Debian on a disk, which firmware can start.
    private static let keysOfDebian = ["guest", "flavour"]

    /// Reads the machine's guest.
    ///
    /// - Parameter debianOnDisk: reads the value of the key `guest`.
    func guest(_ debianOnDisk: (Node, FirmwareSource) -> GuestSource) -> GuestSource {
        let debian = section.node("guest").flatMap { $0.mapping != nil ? $0 : nil }
        for (key, reason) in Self.excluded where section.has(key) {
            if debian != nil, Self.keysOfDebian.contains(key) { continue }
            section.report(
                at: key, "\(section.title) has '\(key)' beside 'firmware', but \(reason)",
                remedy: "remove '\(key)', or remove 'firmware' to start a kernel directly")
        }
        guard let source = source() else { return .debian(flavour: .cloud) }
        guard let debian else { return .firmware(source) }
        if source == .edk2 {
            section.report(
                at: "firmware",
                "\(section.title) starts from edk2, but the disk of its Debian has no partition for EFI programs",
                remedy: "write 'firmware: u-boot', or remove 'firmware' to start a kernel directly")
        }
        return debianOnDisk(debian, source)
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
