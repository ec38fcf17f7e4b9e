import ABI

// Requests for whole disks of the board and for partitions. They go to the driver as they are, with the number of the
// client's window.
extension StorageServer {
    mutating func beginWhole(_ index: Int) -> Bool {
        if operations[index].request.operation == .flush, hasOlder(index) {
            operations[index].stage = .waiting
            waitingFlushes += 1
            return true
        }
        return sendWhole(index, operations[index].request.operation)
    }

    /// Returns true if an older request of the same client changes the flush's disk and is not finished. The flush has
    /// to make it durable as well.
    private func hasOlder(_ flush: Int) -> Bool {
        operations.contains {
            $0.stage != .free && $0.client == operations[flush].client && $0.order < operations[flush].order
                && $0.request.disk == operations[flush].request.disk && $0.request.operation != .read
                && $0.request.operation != .flush
        }
    }

    private mutating func sendWhole(_ index: Int, _ operation: BlockOperation) -> Bool {
        let client = clients[operations[index].client]
        let request = operations[index].request
        let boardDisk = client.disks[Int(request.disk)].boardDisk
        guard hasRoom(boardDisk) else { return false }
        let isFlush = operation == .flush
        send(
            BlockRequest(
                operation, disk: UInt16(truncatingIfNeeded: boardDisk),
                sector: isFlush ? 0 : client.disks[Int(request.disk)].start + request.sector,
                length: isFlush ? 0 : request.length,
                window: client.window, offset: request.offset, cookie: DriverCookie.operation(index, boardDisk)))
        return true
    }

    mutating func wholeFinished(_ index: Int, _ status: BlockStatus) {
        guard operations.indices.contains(index), operations[index].stage != .free else { return }
        let operation = operations[index]
        let mustFlush =
            status == .ok && operation.stage == .running && operation.request.forcesUnitAccess
            && operation.request.operation != .read && operation.request.operation != .flush
        if mustFlush {
            operations[index].stage = .flushing
            // The driver has just freed a slot, so there is room.
            if sendWhole(index, .flush) { return }
            return finish(index, .ioError)
        }
        finish(index, status)
    }

    /// Sends each flush whose older requests are finished.
    mutating func sendWaitingFlushes() {
        for index in operations.indices where operations[index].stage == .waiting && !hasOlder(index) {
            guard sendWhole(index, .flush) else { continue }
            operations[index].stage = .running
            waitingFlushes -= 1
        }
    }
}
