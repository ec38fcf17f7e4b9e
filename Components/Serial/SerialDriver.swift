import ABI
import Entente
import RuntimeSupport

/// PL011 (ARM DDI 0183) on one side, the clients' rings on the other; `ConsoleChannel` says how they share the line.
struct SerialDriver {
    private let clients: Int
    /// The channel that the bytes we send belong to; none before the first.
    private var sendingChannel = -1
    /// Nobody's: after a restart of the driver, input has no owner until the line names one.
    private var receivingChannel = -1
    private var sawEscape = false
    /// A byte that found its client's ring full, and how often it has since.
    private var heldByte: UInt8?
    private var patience = 0
    /// Output is left that the line had no room for, or its client no turn.
    private var mustTransmitAgain = false

    /// Input or output that could not be moved yet.
    var mustRetry: Bool { heldByte != nil || mustTransmitAgain }

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
    private static let turn = Int(ConsoleRing.capacity)

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

    /// Has the notification raise `bits` in a moment.
    func askToRetry(bits: UInt64) {
        setTimer(InitialSlot.notification, deadline: Clock.now + Clock.frequency / 1000, bits: bits)
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

    /// Gives each client one turn. Whoever has more, and nobody else, gets the next turn a moment later: a client that writes
    /// without end must not keep the driver from its other duties.
    mutating func transmit() {
        mustTransmitAgain = false
        for client in 0..<clients where !output(client).isEmpty {
            if !transmit(client) { return mustTransmitAgain = true }
            if !output(client).isEmpty { mustTransmitAgain = true }
        }
    }

    /// One turn of a client; false if the line is full.
    private mutating func transmit(_ client: Int) -> Bool {
        let ring = output(client)
        let wasCrowded = ring.count >= ConsoleRing.capacity / 2
        var left = Self.turn
        while left > 0, !ring.isEmpty {
            if isTransmitterFull() { return false }
            selectChannel(client + 1)
            guard let byte = ring.take() else { break }
            if byte == ConsoleChannel.escape { send(byte) }
            send(byte)
            left -= 1
        }
        // A client that had filled its ring waits for room; others need not wake.
        if wasCrowded { signal(InitialSlot.firstConsoleInput + UInt32(client)) }
        return true
    }

    private func isTransmitterFull() -> Bool { entente_read32(Register.flags) & Self.transmitFull != 0 }

    /// Says whose bytes follow.
    private mutating func selectChannel(_ channel: Int) {
        if sendingChannel == channel { return }
        // The first time twice: an earlier life may have ended behind an escape.
        if sendingChannel < 0 { sendSwitch(to: channel) }
        sendSwitch(to: channel)
        sendingChannel = channel
    }

    private func sendSwitch(to channel: Int) {
        send(ConsoleChannel.escape)
        send(ConsoleChannel.firstChannel + UInt8(channel))
    }

    /// Waits for room byte by byte: called for the few bytes of an escape, after the FIFO was seen to have room.
    private func send(_ byte: UInt8) {
        while entente_read32(Register.flags) & Self.transmitFull != 0 { entente_spin_hint() }
        entente_write32(Register.data, UInt32(byte))
    }

    // MARK: Input

    /// How often a held byte is offered again, once per retry: then a client that does not read loses it, so that the
    /// others get theirs.
    private static let patience = 500

    /// Moves received bytes to their clients. A byte that finds its ring full is held, and the rest stays in the device.
    mutating func receive() {
        entente_write32(Register.interruptClear, 1 << 4 | 1 << 6)
        if let byte = heldByte {
            patience -= 1
            guard deliver(byte) || patience <= 0 else { return }
            heldByte = nil
        }
        while entente_read32(Register.flags) & Self.receiveEmpty == 0 {
            let byte = UInt8(truncatingIfNeeded: entente_read32(Register.data))
            if !accept(byte) {
                heldByte = byte
                patience = Self.patience
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
        guard client >= 0, client < clients else { return true }
        guard input(client).put(byte) else { return false }
        signal(InitialSlot.firstConsoleInput + UInt32(client))
        return true
    }
}
