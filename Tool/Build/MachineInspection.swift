import Foundation
import SystemImage

/// Lays out a machine's files as a build does, so that `check` reports a fault that a build would refuse, and its key.
struct MachineInspection {
    let workspace: Workspace

    /// Returns the faults of the files that exist already. The build reports those of a `guest` that has not been
    /// fetched, and of programs that are not built yet.
    func findings(_ machine: MachineDescription) -> [MachineFinding] {
        deviceTreeFindings(machine) + layoutFindings(machine)
    }

    private func deviceTreeFindings(_ machine: MachineDescription) -> [MachineFinding] {
        guard machine.deviceTree != nil else { return [] }
        do {
            _ = try machine.deviceTree(initrd: nil, seed: .fixed).compiled(workspace: workspace)
            return []
        } catch {
            // The folder in which the tool works on it may be full.
            let failure = Failure.of(error)
            return [
                MachineFinding(at: "device-tree", .error, failure.problem, remedy: failure.remedy ?? "mend the file")
            ]
        }
    }

    private func layoutFindings(_ machine: MachineDescription) -> [MachineFinding] {
        guard case .files(let kernel, let initrd, let format) = machine.guest,
            let data = try? Data(contentsOf: kernel, options: .mappedIfSafe)
        else { return [] }
        let image: GuestImage
        do {
            image = try self.image(data, format, ramSize: machine.memory)
        } catch {
            // If more RAM does not help, the fault lies in the file itself.
            let isTooSmall = (try? self.image(data, format, ramSize: MachineInspection.plenty)) != nil
            return [
                MachineFinding(
                    at: isTooSmall ? "memory" : "kernel", .error, error.problem, remedy: error.remedy ?? "mend the file"
                )
            ]
        }
        let initrdSize = initrd.flatMap { FileManager.default.size(of: $0) }
        do {
            _ = try GuestLayout(
                image: image, initrdSize: initrdSize, ramBase: MachineImage.ramBase, ramSize: machine.memory)
        } catch {
            let key = UInt64(initrdSize ?? 0) > machine.memory ? "initrd" : "memory"
            return [MachineFinding(at: key, .error, error.problem, remedy: error.remedy ?? "mend the file")]
        }
        return [scarcity(machine, image, initrdSize: UInt64(initrdSize ?? 0))].compactMap(\.self)
    }

    private func image(
        _ data: Data, _ format: GuestFormat, ramSize: UInt64
    ) throws(Failure) -> GuestImage {
        try GuestImage(
            kernel: data, format: format, ramBase: MachineImage.ramBase, ramSize: ramSize,
            decompress: { try Subprocess.decompressed($0, in: workspace.state) })
    }

    private static let plenty: UInt64 = 1 << 40

    /// Returns a warning if Linux would have too little memory: it unpacks its initial RAM disk beside the packed one.
    private func scarcity(_ machine: MachineDescription, _ image: GuestImage, initrdSize: UInt64) -> MachineFinding? {
        guard image.isLinux else { return nil }
        let needed = image.end - MachineImage.ramBase + 2 * initrdSize + MachineInspection.reserve
        guard machine.memory < needed else { return nil }
        return MachineFinding(
            at: "memory", .warning,
            "its \(ByteSize(bytes: machine.memory)) hardly suffice for its kernel "
                + "(\(ByteSize(bytes: (image.end - MachineImage.ramBase).rounded(to: 1 << 20))))"
                + (initrdSize > 0 ? ", its initial RAM disk packed and unpacked" : "")
                + " and 24MiB to work with: it may stop without a message",
            remedy: "give it at least \(ByteSize(bytes: needed.rounded(to: 16 << 20)))")
    }

    private static let reserve: UInt64 = 24 << 20
}

extension FileManager {
    func size(of file: URL) -> Int? { try? attributesOfItem(atPath: file.path)[.size] as? Int }
}

extension UInt64 {
    /// Returns the next multiple of `granule`.
    fileprivate func rounded(to granule: UInt64) -> UInt64 { (self + granule - 1) / granule * granule }
}
