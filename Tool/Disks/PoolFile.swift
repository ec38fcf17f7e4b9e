import DiskPool
import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// A pool in a file of the host, with the same code by which the storage component drives it on the board.
package final class PoolFile {
    package let file: URL
    /// The board's disk, for messages.
    let boardDisk: String
    let descriptor: Int32
    let memory: HostPoolMemory
    var pool: Pool<HostPoolMemory, NoRecoveryLog>
    private var lastRequest: UInt64 = 0
    /// The lock of the file. It lives as long as the pool, because another run that opens the pool meanwhile would
    /// overwrite what this one allocates.
    private var lock: FileLock?

    /// The size of the window, and so of the pieces in which data is copied.
    static let windowSize = 1 << 20
    /// The nodes of maps that memory holds, of 16 KiB each.
    private static let nodes = 512

    private init(_ file: URL, boardDisk: String, descriptor: Int32, units: UInt32, records: Int) {
        (self.file, self.boardDisk, self.descriptor) = (file, boardDisk, descriptor)
        let buffers = PoolBuffers(units: units, records: records, slots: Self.nodes)
        memory = HostPoolMemory(size: buffers.size, window: Self.windowSize)
        pool = Pool(
            memory: memory, log: NoRecoveryLog(), units: units, records: records, slots: Self.nodes, requests: 16)
        pool.passesDiscards = true
    }

    deinit { close(descriptor) }

    /// Opens the pool in a file.
    ///
    /// - Parameter isReadOnly: true if the pool must not be changed.
    /// - Returns: the pool, or nil if the file has none.
    /// - Throws: `Failure` if the pool is damaged, or if another version of the program wrote it.
    package static func open(_ file: URL, boardDisk: String, isReadOnly: Bool = false) throws -> PoolFile? {
        let descriptor = try openDescriptor(file, isReadOnly: isReadOnly)
        var superblock: Superblock?
        do {
            superblock = try newestSuperblock(descriptor)
        } catch let error as PoolError {
            close(descriptor)
            guard error != .noPool else { return nil }
            throw error.failure("the pool in \(file.shortPath)")
        }
        guard let superblock else { return nil }
        let opened = PoolFile(
            file, boardDisk: boardDisk, descriptor: descriptor, units: superblock.units,
            records: Int(superblock.records))
        if isReadOnly { opened.pool.readOnlyReason = .owner }
        opened.pool.open()
        try opened.mount()
        return opened
    }

    /// Opens the pool in the file of a board's disk, and keeps the file locked. Returns nil if the file has none.
    static func open(_ file: DiskFiles.DiskFile) throws -> PoolFile? {
        let opened = try open(file.file, boardDisk: file.disk.name)
        opened?.lock = file.lock
        return opened
    }

    /// Makes an empty pool in the file of a board's disk, and keeps the file locked. Everything that the file holds is
    /// lost.
    static func format(_ file: DiskFiles.DiskFile) throws -> PoolFile {
        let made = try format(file.file, boardDisk: file.disk.name)
        made.lock = file.lock
        return made
    }

    /// Makes an empty pool that fills a file. Everything that the file holds is lost.
    package static func format(_ file: URL, boardDisk: String) throws -> PoolFile {
        let descriptor = try openDescriptor(file, isReadOnly: false)
        let size = max(lseek(descriptor, 0, SEEK_END), 0)
        let units = UInt32(min(UInt64(size) / UInt64(PoolLayout.unitSize), UInt64(PoolLayout.maximumUnits)))
        let made = PoolFile(
            file, boardDisk: boardDisk, descriptor: descriptor, units: units,
            records: PoolLayout.recordCount(units: units))
        made.pool.format(identity: .random(in: 1...UInt64.max))
        try made.mount()
        _ = try made.perform(.commit)
        return made
    }

    private static func openDescriptor(_ file: URL, isReadOnly: Bool) throws -> Int32 {
        let descriptor = Glibc.open(file.path, (isReadOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure.ofCall(on: file) }
        return descriptor
    }

    private func mount() throws {
        var attempts = 1
        run()
        while pool.mountFailure == .device, attempts < Pool<HostPoolMemory, NoRecoveryLog>.openAttempts {
            attempts += 1
            pool.retry()
            run()
        }
        guard pool.isMounted else {
            throw (pool.mountFailure ?? .device).failure("the pool in \(file.shortPath)")
        }
    }

    /// Decodes the copies of the superblock.
    private static func newestSuperblock(_ descriptor: Int32) throws(PoolError) -> Superblock {
        var memory = HostPoolMemory(size: PoolLayout.unitSize)
        var newest: Superblock?
        var errors: [PoolError] = []
        for copy in 0..<Int(PoolLayout.superblockUnits) {
            memory.clear(0, count: PoolLayout.unitSize)
            let bytes = memory.place(.buffer(0), count: PoolLayout.unitSize)
            _ = pread(descriptor, bytes.baseAddress, bytes.count, off_t(copy * PoolLayout.unitSize))
            do throws(PoolError) {
                let found = try Superblock(&memory, at: 0)
                if found.generation > newest?.generation ?? 0 { newest = found }
            } catch {
                errors.append(error)
            }
        }
        // A newer program may have written any of the copies.
        for reason in [PoolError.unknownVersion, .unknownFeatures] where errors.contains(reason) { throw reason }
        if let newest { return newest }
        throw errors.contains(.damaged) ? .damaged : .noPool
    }

    // MARK: Requests

    /// Performs a request of the pool, with data in the window.
    ///
    /// - Returns: the index of the record that a control operation made.
    /// - Throws: `PoolError`.
    @discardableResult
    func perform(
        _ operation: PoolRequest.Operation, disk: Int = 0, sector: UInt64 = 0, count: Int = 0, offset: Int = 0
    ) throws(PoolError) -> Int {
        lastRequest += 1
        let isTaken = pool.submit(
            PoolRequest(
                id: lastRequest, operation, disk: disk, sector: sector, count: count, window: 0, offset: offset))
        precondition(isTaken, "the pool has no room for its only request")
        run()
        while let answer = pool.nextAnswer() {
            guard answer.id == lastRequest else { continue }
            if let error = answer.error { throw error }
            return answer.record
        }
        preconditionFailure("the pool has not answered a request")
    }

    /// Makes everything durable.
    package func commit() throws {
        do throws(PoolError) { try perform(.commit) } catch { throw error.failure("the pool in \(file.shortPath)") }
        guard fsync(descriptor) == 0 else { throw Failure.ofCall(on: file) }
    }

    /// Performs the pool's requests to its device, until there are no more.
    private func run() {
        while true {
            if let request = pool.nextDeviceRequest() {
                pool.deviceFinished(request.tag, succeeded: isDone(request))
            } else if pool.hasWork {
                pool.advance()
            } else {
                return
            }
        }
    }

    private func isDone(_ request: DiskPool.DeviceRequest) -> Bool {
        let count = request.count * PoolLayout.sectorSize
        let offset = off_t(request.sector) * off_t(PoolLayout.sectorSize)
        switch request.kind {
        case .read: return transferred(memory.place(request.place, count: count), offset, pread)
        case .write:
            return transferred(memory.place(request.place, count: count), offset) {
                pwrite($0, UnsafeRawPointer($1), $2, $3)
            }
        case .flush: return fdatasync(descriptor) == 0
        case .discard:
            return Holes.make(descriptor, offset, off_t(count))
        }
    }

    private func transferred(
        _ bytes: UnsafeMutableRawBufferPointer, _ offset: off_t,
        _ transfer: (Int32, UnsafeMutableRawPointer?, Int, off_t) -> Int
    ) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = transfer(
                descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, offset + off_t(done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    /// Returns a unit of the pool as words, or nil if it cannot be read.
    func unit(_ number: UInt32) -> [UInt32]? {
        var words = [UInt32](repeating: 0, count: PoolLayout.unitSize / 4)
        let isRead = words.withUnsafeMutableBytes {
            transferred($0, off_t(number) * off_t(PoolLayout.unitSize), pread)
        }
        return isRead ? words.map(UInt32.init(littleEndian:)) : nil
    }
}

// Disks by name.
extension PoolFile {
    /// The size of the pool in bytes.
    var size: UInt64 { UInt64(pool.superblock.units) * UInt64(PoolLayout.unitSize) }

    func index(of name: String) -> Int? { PoolName(name.utf8).flatMap { pool.index(of: $0) } }

    /// Returns the disks and snapshots, by name.
    var disks: [DiskPool.DiskDescription] { pool.list().sorted { $0.name.text < $1.name.text } }

    /// Performs an operation on a disk or snapshot.
    ///
    /// - Throws: `Failure` if the pool refuses it.
    @discardableResult
    func perform(_ operation: PoolRequest.Operation, on name: String) throws -> Int {
        guard let index = index(of: name) else { throw PoolError.noSuchDisk.failure("'\(name)'") }
        do throws(PoolError) {
            return try perform(operation, disk: index)
        } catch {
            throw error.failure("'\(name)'")
        }
    }

    /// Makes an empty disk.
    func create(_ name: String, bytes: UInt64, hasChecksums: Bool) throws -> Int {
        var options = DiskOptions(name: try poolName(name), sectors: bytes / UInt64(PoolLayout.sectorSize))
        options.hasChecksums = hasChecksums
        do throws(PoolError) { return try perform(.create(options)) } catch { throw error.failure("'\(name)'") }
    }

    func poolName(_ name: String) throws -> PoolName { try Self.poolName(name) }

    /// The end of the name of a disk that has not all of its contents yet.
    static let unfinished = "~"

    /// Returns a user's name for a new disk or snapshot, or throws a `Failure` if it cannot be one. The next run would
    /// remove a disk with the name of an unfinished one.
    static func newName(_ name: String) throws -> PoolName {
        if name.hasSuffix(unfinished) {
            throw Failure(
                "'\(name)': a name with '\(unfinished)' at the end is that of a disk whose making was "
                    + "interrupted", remedy: "choose another name")
        }
        if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw PoolError.badName.failure("'\(name.filter { $0 >= " " && $0 != "\u{7F}" })'")
        }
        return try poolName(name)
    }

    /// Returns a name of a pool's disk, or throws a `Failure` if it can be none.
    static func poolName(_ name: String) throws -> PoolName {
        guard let poolName = PoolName(name.utf8) else { throw PoolError.badName.failure("'\(name)'") }
        return poolName
    }
}

extension PoolError {
    /// Returns the error as a user sees it.
    func failure(_ subject: String) -> Failure {
        let (problem, remedy) = text
        return Failure("\(subject): \(problem)", remedy: remedy)
    }

    private var text: (problem: String, remedy: String) {
        switch self {
        case .device: ("the file cannot be read or written", "see the system's log, and free space on the host's disk")
        case .damaged: ("its data is damaged", "'./entente disk check' says where; restore it from a copy")
        case .outOfRange: ("the place lies beyond the end of the disk", "choose a smaller size")
        case .poolFull:
            ("the pool has no room for it", "delete disks or snapshots, or use a pool on a larger disk of the board")
        case .quota: ("the disk may not use more units", "delete snapshots of the disk")
        case .noSuchDisk: ("there is no such disk or snapshot", "'./entente disk list' shows all")
        case .exists: ("another disk or snapshot has the name", "choose another name")
        case .badName: ("that cannot be a name", "write 1 to \(PoolLayout.maximumName) bytes of text")
        case .noRecord: ("the pool has no room for the name of another disk", "delete disks or snapshots")
        case .isSnapshot: ("a snapshot does not change", "clone it, and change the clone")
        case .neededByClone: ("clones depend on it", "delete the clones first")
        case .tooLarge: ("the size is larger than the format allows", "choose a smaller size")
        case .shrinks: ("a disk does not become smaller", "make a new disk, and copy the files")
        case .readOnly: ("the pool accepts no changes", "use the version of Entente that made it")
        case .noPool: ("there is no pool", "'./entente run' makes it")
        case .unknownVersion, .unknownFeatures:
            ("a newer version of Entente has made it", "use that version")
        case .badSize: ("the pool is larger than its file", "restore the file from a copy")
        case .recovery: ("the recovery log does not fit", "report this fault of Entente")
        }
    }
}
