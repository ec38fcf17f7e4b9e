import ABI
import Foundation

/// The disks of a system: those of the board, the templates in their pools, and the users.
public struct SystemDisks: Sendable, Equatable {
    /// The disks of the board, in the order of the file, or the one that the tool adds.
    public var board: [BoardDiskDescription] = []
    /// The disks of pools that no machine or component uses, but of which disks are cloned.
    public var templates: [DiskTemplate] = []
    /// The users. The one at index N has the number N + 1 at the storage component.
    public var clients: [DiskClient] = []

    public init() {}

    /// True if somebody uses a disk, so that the system has a driver.
    public var isUsed: Bool { !clients.isEmpty }

    /// True if the system has a storage component, for a pool or for partitions.
    var hasStorage: Bool { isUsed && (hasControl || clients.contains { !$0.hasDisksAlone }) }

    /// Returns true if a disk of the board holds a pool.
    public func hasPool(_ boardDisk: String) -> Bool {
        !pool(of: boardDisk).isEmpty || templates.contains { $0.boardDisk == boardDisk }
    }

    /// Returns the users' disks in the pool of one of the board's disks, each with its name there.
    public func pool(of boardDisk: String) -> [(name: String, disk: DiskDescription)] {
        clients.flatMap { client in
            client.disks.filter { $0.place == .pool && $0.boardDisk == boardDisk }
                .map { (DiskDescription.poolName($0.name, of: client.owner), $0) }
        }
    }
}

/// A disk of the board, which the emulator keeps in a file of the host.
public struct BoardDiskDescription: Sendable, Equatable {
    public var name: String
    /// The size in bytes; a multiple of 1 MiB.
    public var size: UInt64
    /// The file that the manifest names, or nil for one that the tool keeps for the system.
    public var file: URL?
    /// True if a smaller file grows to `size`, because the manifest names the size.
    public var growsFile = true

    public init(name: String, size: UInt64, file: URL? = nil) { (self.name, self.size, self.file) = (name, size, file) }

    /// Takes over the size of the manifest's own file, if that exists. Such a file grows only to a size that the
    /// manifest names, and never shrinks.
    mutating func takeSizeOfFile() {
        guard let file, let bytes = try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize, bytes > 0 else {
            return
        }
        size = growsFile ? max(size, UInt64(bytes)) : UInt64(bytes)
    }

    public static let maximum = BlockConnectionLayout.maximumDisks
    static let granule: UInt64 = 1 << 20
    static let sizes: ClosedRange<UInt64> = (16 << 20)...(2048 << 30)
    /// The name and the least size of the disk that the tool adds to a board without disks.
    static let standardName = "main"
    static let standardSize: UInt64 = 4 << 30

    /// The node of the disk's device in the board's device tree.
    ///
    /// - Parameter number: the number of the disk among those of the board.
    static func node(_ number: Int) -> String { "virtio_mmio@" + String(0x0A00_0000 + 0x200 * number, radix: 16) }
}

/// A disk of a pool that has no user, but of which the disks of users are cloned.
public struct DiskTemplate: Sendable, Equatable {
    public var name: String
    /// The board's disk whose pool has it.
    public var boardDisk: String
    /// The size in bytes; nil for that of the image.
    public var size: UInt64?
    /// The file with the first contents: raw, qcow2 or vmdk.
    public var image: URL?
    /// The Debian whose root file system it holds, which the tool makes.
    public var debian: DebianSystem?

    public init(name: String, boardDisk: String, size: UInt64? = nil, image: URL? = nil) {
        (self.name, self.boardDisk, self.size, self.image) = (name, boardDisk, size, image)
    }

    static let maximum = 64
}

/// A machine or a component that uses disks.
public struct DiskClient: Sendable, Equatable {
    /// The name of the machine or component.
    public var owner: String
    /// The name of the tenant that sends the requests: the component itself, or the machine's backend.
    public var tenant: String
    public var disks: [DiskDescription]

    public init(owner: String, tenant: String, disks: [DiskDescription]) {
        (self.owner, self.tenant, self.disks) = (owner, tenant, disks)
    }

    /// True if all its disks are whole disks of the board, which have no other user. Its requests then go to the driver
    /// directly, because storage would have nothing to decide about them.
    var hasDisksAlone: Bool { disks.allSatisfy { $0.place == .whole } }
}

/// A disk of a machine or a component.
public struct DiskDescription: Sendable, Equatable {
    /// The place of a disk's data.
    public enum Place: Sendable, Equatable {
        /// A disk in the pool of the board's disk.
        case pool
        /// The whole disk of the board.
        case whole
        /// The partition of this number, from 1 on, of a board's disk with a GPT.
        case partition(Int)
    }

    public var name: String
    public var boardDisk = ""
    public var place = Place.pool
    /// The size in bytes of a disk of a pool; nil for that of its image or of the disk of which it is cloned.
    public var size: UInt64?
    /// The template of which it is cloned.
    public var cloneOf: String?
    /// The file with the first contents: raw, qcow2 or vmdk.
    public var image: URL?
    public var isReadOnly = false
    /// True if the pool keeps checksums of the data.
    public var hasChecksums = false

    public init(name: String) { self.name = name }

    public static let maximum = BlockConnectionLayout.maximumDisks
    static let granule: UInt64 = 1 << 20
    static let sizes: ClosedRange<UInt64> = granule...(1024 << 30)
    static let partitions = 1...128

    /// Returns the name of a disk in its pool.
    ///
    /// - Parameter owner: the machine or component that uses it.
    public static func poolName(_ name: String, of owner: String) -> String { "\(owner).\(name)" }
}

/// The tenants that the tool adds to a system with disks.
public enum DiskTenant {
    public static let storage = "storage"
    public static let driver = "block-driver"
    /// The tenant at whose console the tool types orders.
    public static let control = "disk-control"

    /// Returns the name of the tenant that serves a machine's disks.
    public static func backend(of machine: String) -> String { "\(machine).disks" }

    static let storageProgram = "Storage"
    static let driverProgram = "BlockDriver"
    static let controlProgram = "DiskConsole"
    static let backendProgram = "Backend"
}
