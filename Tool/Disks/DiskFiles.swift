import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// The files of the disks of a system's board. Nobody else of the tool opens them while this object, or a pool in one
/// of them, lives.
package final class DiskFiles: Sendable {
    /// A file with the contents of one of the board's disks, byte by byte.
    package struct DiskFile: Sendable {
        package var disk: BoardDiskDescription
        package var file: URL
        /// Nobody else of the tool opens the file while something holds the lock.
        let lock: FileLock

        /// The size in bytes, or 0 for a device of the host.
        fileprivate var size: UInt64 {
            get throws {
                var status = stat()
                guard fstat(lock.descriptor, &status) == 0 else { throw Failure.ofCall(on: file) }
                return UInt64(status.st_size)
            }
        }
    }

    package let files: [DiskFile]

    /// Locks the files of the disks, makes those that do not exist, and lets others grow to their sizes.
    ///
    /// - Parameters:
    ///   - folder: the folder of the files that the manifest does not name, or nil for that of the system.
    ///   - isMaking: false to leave out files that do not exist.
    /// - Throws: `Failure` if another run has one of the files open, or if a file cannot be made.
    package init(of manifest: Manifest, workspace: Workspace, folder: URL? = nil, making isMaking: Bool = true) throws {
        let place = DiskFolder(of: manifest, workspace: workspace, replacement: folder)
        files = try manifest.disks.board.compactMap { disk in
            let file = disk.file ?? place.place(of: disk)
            if !isMaking, !FileManager.default.fileExists(atPath: file.path) { return nil }
            if disk.file == nil { try place.make() }
            return DiskFile(disk: disk, file: file, lock: try Self.lock(file, of: manifest))
        }
        for file in files { try Self.prepare(file) }
    }

    /// Returns the places of the files, and neither opens nor makes any.
    static func places(of manifest: Manifest, workspace: Workspace, folder: URL?) -> [URL] {
        let place = DiskFolder(of: manifest, workspace: workspace, replacement: folder)
        return manifest.disks.board.map { $0.file ?? place.place(of: $0) }
    }

    /// Returns the files of a board's disks, or nil if the board has none.
    package static func needed(by manifest: Manifest, workspace: Workspace, folder: URL?) throws -> DiskFiles? {
        manifest.disks.board.isEmpty ? nil : try DiskFiles(of: manifest, workspace: workspace, folder: folder)
    }

    /// Returns the sizes of the files in bytes, by the names of the board's disks.
    package var sizes: [String: UInt64] {
        get throws {
            try Dictionary(uniqueKeysWithValues: files.map { ($0.disk.name, try $0.size) })
        }
    }

    private static func lock(_ file: URL, of manifest: Manifest) throws -> FileLock {
        if let lock = try FileLock.take(file) { return lock }
        throw Failure(
            "the disk in \(file.shortPath) is open in another run of the tool",
            remedy: "end that run (of '\(manifest.name)', or of a system with the same file), or give this one other "
                + "files by --disks FOLDER")
    }

    /// Makes the file as large as the disk. It is sparse, so it takes the space that was written.
    private static func prepare(_ file: DiskFile) throws {
        var status = stat()
        guard fstat(file.lock.descriptor, &status) == 0 else { throw Failure.ofCall(on: file.file) }
        // A device of the host has no size that one could change.
        guard status.st_mode & S_IFMT == S_IFREG else { return }
        let size = UInt64(status.st_size)
        guard size == 0 || size < file.disk.size && file.disk.growsFile else { return }
        if size == 0 {
            Progress.say(
                "==> Making the disk '\(file.disk.name)' (\(ByteSize(bytes: file.disk.size))) in \(file.file.shortPath)"
            )
        }
        guard ftruncate(file.lock.descriptor, off_t(file.disk.size)) == 0 else { throw Failure.ofCall(on: file.file) }
    }

    /// Returns the arguments by which QEMU drives the disks. Disk N lies behind the board's virtio transport N.
    package var arguments: [String] { arguments(slots: files.map(\.disk.name)) }

    /// Returns the arguments by which QEMU drives some of the disks.
    ///
    /// - Parameter slots: the names of disks of the board, in the order of the transports.
    func arguments(slots: [String]) -> [String] {
        Emulator.modernVirtio
            + slots.enumerated().flatMap { slot, name -> [String] in
                guard let file = files.first(where: { $0.disk.name == name })?.file else { return [] }
                return Emulator.disk(file, named: name, slot: slot)
            }
    }
}

extension Emulator {
    /// The driver knows the transport of virtio 1 only.
    static let modernVirtio = ["-global", "virtio-mmio.force-legacy=false"]

    /// Returns the arguments for a disk behind a transport of the board.
    static func disk(_ file: URL, named name: String, slot: Int) -> [String] {
        // QEMU separates options by commas, and reads two as one of a value.
        let path = file.path.replacing(",", with: ",,")
        return [
            "-drive", "if=none,id=disk\(slot),format=raw,discard=unmap,cache=writeback,file=\(path)",
            "-device",
            "virtio-blk-device,bus=virtio-mmio-bus.\(slot),drive=disk\(slot),num-queues=1,serial=\(name.prefix(20))",
        ]
    }
}

extension MachineDescription {
    /// Returns the disks of the board that the machine has on the bare board, in the order of its own disks.
    ///
    /// - Throws: `Failure` if one of them is a disk of a pool, which only the storage component can read.
    func bareDisks() throws(Failure) -> [String] {
        if let disk = disks.first(where: { $0.place != .whole }) {
            throw Failure(
                "on the bare board machine '\(name)' would lack its disk '\(disk.name)', which is a part of the board's disk "
                    + "'\(disk.boardDisk)'",
                remedy: "give it a whole disk of the board by 'whole: true'")
        }
        return disks.map(\.boardDisk)
    }
}

/// The folder of the files that a manifest does not name.
private struct DiskFolder {
    let folder: URL
    let manifest: Manifest
    /// False for a folder of the user's choice.
    let isOwn: Bool

    init(of manifest: Manifest, workspace: Workspace, replacement: URL?) {
        self.manifest = manifest
        isOwn = replacement == nil
        folder = replacement ?? workspace.disks.appendingPathComponent(manifest.name)
    }

    func place(of disk: BoardDiskDescription) -> URL { folder.appendingPathComponent("\(disk.name).raw") }

    func make() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        if isOwn { try claim() }
    }

    /// Checks that the folder belongs to this manifest, because another one may have the same name. A manifest that was
    /// moved keeps its disks.
    private func claim() throws {
        let note = folder.appendingPathComponent("manifest")
        let path = manifest.file.standardizedFileURL.path
        if let owner = try? String(contentsOf: note, encoding: .utf8) {
            guard owner != path else { return }
            guard !FileManager.default.fileExists(atPath: owner) else {
                throw Failure(
                    "the disks of '\(manifest.name)' in \(folder.shortPath) belong to \(owner), which has the same name",
                    remedy: "give one of the two another name by 'system:', or name files by 'file:'",
                    at: Diagnostic.Place(file: manifest.file.relativePath, line: 1, column: 1))
            }
        }
        try Data(path.utf8).writeWhole(to: note)
    }
}
