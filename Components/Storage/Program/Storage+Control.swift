import BlockStorage
import DiskControl
import DiskPool
import Entente

// The typed portal of the storage component.
extension Storage: DiskControlInterface {
    mutating func create(_ name: ShortText, _ sectors: UInt64, _ boardDisk: UInt64) throws(DiskControlError) -> UInt64 {
        try begin(.create(try poolName(name), sectors: sectors), boardDisk)
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
        while true {
            let (record, isEnd) = server.record(index, onBoardDisk: Int(truncatingIfNeeded: min(boardDisk, 1 << 20)))
            if isEnd { throw .end }
            if let record {
                return DiskControlEntry(
                    index: UInt64(index), isSnapshot: record.kind == .snapshot, sectors: record.sectors,
                    usedUnits: UInt64(record.used), name: ShortText(record.name))
            }
            index += 1
        }
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
            case .poolFull, .quota, .noRecord: .noSpace
            case .tooLarge, .shrinks, .outOfRange, .badSize: .badSize
            case .readOnly, .isSnapshot: .readOnly
            default: .device
            }
    }
}
