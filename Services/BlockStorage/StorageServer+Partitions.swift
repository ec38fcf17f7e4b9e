import ABI

// Partitions of disks of the board.
extension StorageServer {
    /// Reads the partition tables of all disks that can be used and have not been read.
    mutating func readPartitionTables() {
        for index in searches.indices
        where searches[index].state == .waiting && usableDisk(searches[index].boardDisk) != nil {
            readPartitionTable(index, isBackup: false)
        }
    }

    /// Reads the header and the entries, which lie in opposite orders at the two ends of the disk.
    private mutating func readPartitionTable(_ index: Int, isBackup: Bool) {
        let boardDisk = searches[index].boardDisk
        guard let place = tablePlace(index, isBackup), let memory = partitionMemory else {
            searches[index].state = .failed
            return observer.note(.noPartitions(boardDisk: boardDisk))
        }
        guard hasRoom(boardDisk), driver.freeCount > 1 else { return searches[index].state = .waiting }
        searches[index].state = .reading(isBackup: isBackup)
        for (sector, count, offset) in [(place.header, 1, 0), (place.entries, tableEntrySectors, 512)] {
            send(
                BlockRequest(
                    .read, disk: UInt16(boardDisk), sector: sector, length: UInt32(count * 512),
                    offset: UInt32(memory.offset + tableMemory(index) + offset),
                    cookie: DriverCookie.table(index, boardDisk)))
        }
        searches[index].outstanding = 2
    }

    /// Returns the offset of a search's part of the memory for tables.
    private func tableMemory(_ index: Int) -> Int { index * Self.partitionMemorySize }

    private var tableEntrySectors: Int { PartitionTable<Memory>.entrySectors }

    /// Returns the first sectors of header and entries; nil if the disk is too small.
    private func tablePlace(_ index: Int, _ isBackup: Bool) -> (header: UInt64, entries: UInt64)? {
        guard let capacity = driver.disk(searches[index].boardDisk)?.capacity, capacity >= 68 else { return nil }
        return isBackup ? (capacity - 1, capacity - 33) : (1, 2)
    }

    mutating func partitionTableRead(_ index: Int, _ status: BlockStatus) {
        guard searches.indices.contains(index), case .reading(let isBackup) = searches[index].state else { return }
        if status != .ok { searches[index].hasFailed = true }
        searches[index].outstanding -= 1
        guard searches[index].outstanding == 0 else { return }
        let isReadable = !searches[index].hasFailed
        searches[index].hasFailed = false
        if isReadable, usePartitionTable(index, isBackup) {
            searches[index].state = .done
        } else if isBackup {
            searches[index].state = .failed
            observer.note(.noPartitions(boardDisk: searches[index].boardDisk))
        } else {
            readPartitionTable(index, isBackup: true)
        }
    }

    /// Keeps the places of the partitions that clients use. Returns false if the table in memory is damaged.
    private mutating func usePartitionTable(_ index: Int, _ isBackup: Bool) -> Bool {
        let boardDisk = searches[index].boardDisk
        guard let memory = partitionMemory, let place = tablePlace(index, isBackup),
            let capacity = driver.disk(boardDisk)?.capacity,
            let table = PartitionTable(
                memory.memory, at: tableMemory(index), sector: place.header, entries: place.entries)
        else { return false }
        for disk in clients.flatMap({ $0.disks }) where disk.boardDisk == boardDisk {
            guard case .partition(let number) = disk.place else { continue }
            searches[index].partitions.removeAll { $0.number == number }
            if let sectors = table.partition(number, capacity: capacity) {
                searches[index].partitions.append((number, sectors))
            }
        }
        return true
    }

    mutating func openPartition(_ partition: Int, of board: BlockDisk, as number: Int, of client: Int) {
        let boardDisk = clients[client].disks[number].boardDisk
        guard let search = searches.first(where: { $0.boardDisk == boardDisk }), search.state == .done else { return }
        guard let sectors = search.partitions.first(where: { $0.number == partition })?.sectors else {
            clients[client].disks[number].isMissing = true
            return observer.note(.missing(client: client, disk: number))
        }
        publishPart(sectors, of: board, as: number, of: client)
    }

    /// Publishes sectors of a disk of the board as a client's disk, unless the client knows it so already.
    mutating func publishPart(_ sectors: Range<UInt64>, of board: BlockDisk, as number: Int, of client: Int) {
        var description = board
        description.capacity = sectors.upperBound - sectors.lowerBound
        if clients[client].disks[number].isReadOnly { description.features.insert(.readOnly) }
        clients[client].disks[number].start = sectors.lowerBound
        guard clients[client].disks[number].description != description else { return }
        publish(description, as: number, of: client)
    }

    /// Passes changes of the board's disks on to the clients of whole disks and partitions. A partition keeps its
    /// sectors.
    mutating func publishChanges() {
        for client in clients.indices {
            for number in clients[client].disks.indices {
                let disk = clients[client].disks[number]
                guard let known = disk.description, let board = driver.disk(disk.boardDisk) else { continue }
                switch disk.place {
                case .whole: publishPart(0..<board.capacity, of: board, as: number, of: client)
                case .partition:
                    publishPart(disk.start..<disk.start + known.capacity, of: board, as: number, of: client)
                case .pool: break
                }
            }
        }
    }
}
