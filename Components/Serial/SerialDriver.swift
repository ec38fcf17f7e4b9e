import ABI
import Entente
import RuntimeSupport

/// PL011 (ARM DDI 0183) on one side, the clients' rings on the other; `ConsoleChannel` says how they share the line.
struct SerialDriver {
    private let clients: Int
    /// The channel that the bytes we send belong to; none before the first.
    private var sendingChannel = -1
    private var receivingChannel = Int(ConsoleChannel.root)
    private var sawEscape = false
    /// A byte that found its client's ring full.
    private var heldByte: UInt8?
    private var transmitterFull = false

    /// Input or output that could not be moved yet.
    var mustRetry: Bool { heldByte != nil || transmitterFull }

    private enum Register {
        static let data = ComponentLayout.devices
        static let flags = ComponentLayout.devices + 0x18
        static let lineControl = ComponentLayout.devices + 0x2C
        static let control = ComponentLayout.devices + 0x30
        static let interruptMask = ComponentLayout.devices + 0x38
        static let interruptClear = ComponentLayout.devices + 0x44
    }
    private static let transmitFull: UInt32 = 1 << 5
    private static let receiveEmpty: UInt32 = 1 << 4
    /// Bytes of one client before it is the next one's turn.
    private static let turn = 512

    init(clients: Int) { self.clients = min(clients, ConsoleChannel.maximum) }

    func start(interruptBit: UInt64) {
        entente_write32(Register.lineControl, 0x70)  // 8 bits, FIFOs on
        entente_write32(Register.control, 0x301)  // receive, transmit, on
        entente_write32(Register.interruptClear, 0x7FF)
        entente_write32(Register.interruptMask, 1 << 4 | 1 << 6)  // receive, receive time-out
        invoke(
            .interruptControl, Selector(slot: InitialSlot.firstInterrupt, form: InterruptControl.bind.rawValue),
            Words(UInt64(InitialSlot.notification), interruptBit))
    }

    func acknowledge() {
        invoke(
            .interruptControl, Selector(slot: InitialSlot.firstInterrupt, form: InterruptControl.acknowledge.rawValue))
    }

    // MARK: Clients

    /// Client N has channel N + 1.
    private func output(_ client: Int) -> RingEnd { RingEnd(page: page(client)) }
    private func input(_ client: Int) -> RingEnd { RingEnd(page: page(client) + ConsoleRing.size) }
    private func page(_ client: Int) -> UInt64 { ComponentLayout.console + UInt64(client + 1) * 2 * ConsoleRing.size }

    // MARK: Output

    /// Sends what the clients have, in turns, until nobody has anything or the line is full.
    mutating func transmit() {
        transmitterFull = false
        var isIdle = false
        while !isIdle {
            isIdle = true
            for client in 0..<clients where !output(client).isEmpty {
                isIdle = false
                if !transmit(client) { return }
            }
        }
    }

    /// One turn of a client; false if the line is full.
    private mutating func transmit(_ client: Int) -> Bool {
        let ring = output(client)
        let wasCrowded = ring.count >= ConsoleRing.capacity / 2
        var left = Self.turn
        while left > 0, !ring.isEmpty {
            if isTransmitterFull() { return false }
            if !selectChannel(client + 1) { return false }
            guard let byte = ring.take() else { break }
            if byte == ConsoleChannel.escape { send(byte) }
            send(byte)
            left -= 1
        }
        // A client that had filled its ring waits for room; others need not wake.
        if wasCrowded, client > 0 { signal(InitialSlot.firstConsoleInput + UInt32(client)) }
        return true
    }

    private mutating func isTransmitterFull() -> Bool {
        transmitterFull = entente_read32(Register.flags) & Self.transmitFull != 0
        return transmitterFull
    }

    /// Says whose bytes follow.
    private mutating func selectChannel(_ channel: Int) -> Bool {
        if sendingChannel == channel { return true }
        send(ConsoleChannel.escape)
        send(ConsoleChannel.firstChannel + UInt8(channel))
        sendingChannel = channel
        return true
    }

    /// Waits for room byte by byte: called for the few bytes of an escape, after the FIFO was seen to have room.
    private func send(_ byte: UInt8) {
        while entente_read32(Register.flags) & Self.transmitFull != 0 { entente_spin_hint() }
        entente_write32(Register.data, UInt32(byte))
    }

    // MARK: Input

    /// Moves received bytes to their clients. A byte that finds its ring full is held, and the rest stays in the device.
    mutating func receive() {
        entente_write32(Register.interruptClear, 1 << 4 | 1 << 6)
        if let byte = heldByte {
            guard deliver(byte) else { return }
            heldByte = nil
        }
        while entente_read32(Register.flags) & Self.receiveEmpty == 0 {
            let byte = UInt8(truncatingIfNeeded: entente_read32(Register.data))
            if !accept(byte) {
                heldByte = byte
                return
            }
        }
    }

    /// False if the byte must be held.
    private mutating func accept(_ byte: UInt8) -> Bool {
        if sawEscape {
            sawEscape = false
            if byte == ConsoleChannel.escape { return deliver(byte) }
            receivingChannel = Int(byte) - Int(ConsoleChannel.firstChannel)
            return true
        }
        if byte == ConsoleChannel.escape {
            sawEscape = true
            return true
        }
        return deliver(byte)
    }

    /// Into the ring of the channel's client; bytes for a channel that nobody has are dropped.
    private func deliver(_ byte: UInt8) -> Bool {
        let client = receivingChannel - 1
        guard client > 0, client < clients else { return true }
        guard input(client).put(byte) else { return false }
        signal(InitialSlot.firstConsoleInput + UInt32(client))
        return true
    }
}
