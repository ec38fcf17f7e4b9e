import BlockStorage
import DiskControl
import DiskPool
import Entente

// The typed portal of the storage component.
extension Storage: DiskControlInterface {
    mutating func create(
        _ name: ShortText, _ sectors: UInt64, _ hasChecksums: Bool, _ boardDisk: UInt64
    ) throws(DiskControlError) -> UInt64 {
        try begin(.create(try poolName(name), sectors: sectors, hasChecksums: hasChecksums), boardDisk)
    }

    mutating func snapshot(
        _ name: ShortText, _ origin: ShortText, _ boardDisk: UInt64
    ) throws(DiskControlError) -> UInt64 {
        try begin(.snapshot(try poolName(name), of: try poolName(origin)), boardDisk)
    }

    mutating func clone(
        _ name: ShortText, _ origin: ShortText, _ boardDisk: UInt64
    ) throws(DiskControlError) -> UInt64 {
        try begin(.clone(try poolName(name), of: try poolName(origin)), boardDisk)
    }

    mutating func delete(_ name: ShortText, _ boardDisk: UInt64) throws(DiskControlError) -> UInt64 {
        try begin(.delete(try poolName(name)), boardDisk)
    }

    mutating func grow(_ name: ShortText, _ sectors: UInt64, _ boardDisk: UInt64) throws(DiskControlError) -> UInt64 {
        try begin(.grow(try poolName(name), sectors: sectors), boardDisk)
    }

    mutating func isDone(_ ticket: UInt64) throws(DiskControlError) -> Bool {
        switch server.outcome(Int(truncatingIfNeeded: min(ticket, 1 << 20))) {
        case nil: throw .noSuchTicket
        case .running: return false
        case .done: return true
        case .isInUse: throw .isInUse
        case .failed(let error): throw DiskControlError(error)
        }
    }

    mutating func next(_ index: UInt64, _ boardDisk: UInt64) throws(DiskControlError) -> DiskControlEntry {
        var index = Int(truncatingIfNeeded: min(index, 1 << 20))
        let boardDisk = Int(truncatingIfNeeded: min(boardDisk, 1 << 20))
        guard server.space(onBoardDisk: boardDisk) != nil else { throw .busy }
        while true {
            let (found, isEnd) = server.description(index, onBoardDisk: boardDisk)
            if isEnd { throw .end }
            if let found { return DiskControlEntry(found.disk, isDamaged: found.isDamaged) }
            index += 1
        }
    }

    mutating func pool(_ boardDisk: UInt64) throws(DiskControlError) -> DiskControlPool {
        guard let space = server.space(onBoardDisk: Int(truncatingIfNeeded: min(boardDisk, 1 << 20))) else {
            throw .busy
        }
        return DiskControlPool(units: UInt64(space.units), free: UInt64(space.free))
    }

    /// Begins an operation, and does what can be done of it at once.
    private mutating func begin(_ command: StorageCommand, _ boardDisk: UInt64) throws(DiskControlError) -> UInt64 {
        let disk = Int(truncatingIfNeeded: min(boardDisk, 1 << 20))
        guard let ticket = server.begin(command, onBoardDisk: disk) else { throw .busy }
        work()
        return UInt64(ticket)
    }

    private func poolName(_ text: ShortText) throws(DiskControlError) -> PoolName {
        var bytes: [UInt8] = []
        for index in 0..<text.count { bytes.append(text[index]) }
        guard let name = PoolName(bytes) else { throw .badName }
        return name
    }
}

extension DiskControlEntry {
    fileprivate init(_ disk: DiskPool.DiskDescription, isDamaged: Bool) {
        self.init(
            index: UInt64(disk.index), kind: disk.isSnapshot ? .snapshot : disk.isClone ? .clone : .disk,
            sectors: disk.sectors, usedUnits: UInt64(disk.used), name: ShortText(disk.name),
            origin: ShortText(disk.origin))
        (hasChecksums, self.isDamaged) = (disk.hasChecksums, isDamaged)
        (quota, reserved, clones) = (UInt64(disk.quota), UInt64(disk.reserved), UInt64(disk.clones))
    }
}

extension ShortText {
    fileprivate init(_ name: PoolName) {
        self.init()
        for index in 0..<PoolLayout.maximumName where name.byte(index) != 0 { append(name.byte(index)) }
    }
}

extension DiskControlError {
    fileprivate init(_ error: PoolError) {
        self =
            switch error {
            case .noSuchDisk: .noSuchDisk
            case .exists: .exists
            case .badName: .badName
            case .neededByClone: .neededByClone
            case .poolFull, .quota: .noSpace
            case .noRecord: .noRecord
            case .tooLarge, .outOfRange, .badSize: .tooLarge
            case .shrinks: .shrinks
            case .readOnly: .readOnly
            case .isSnapshot: .isSnapshot
            case .damaged: .damaged
            case .device, .noPool, .unknownVersion, .unknownFeatures, .recovery: .device
            }
    }
}
