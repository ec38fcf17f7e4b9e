import ABI
import DiskOrders
import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// A system that runs on the emulator, with its consoles. One thread uses it, which calls `wait` repeatedly.
package final class Session {
    package enum Event {
        /// Bytes of a console as they came.
        case output(channel: UInt8, bytes: [UInt8])
        /// A whole line of a console, with its time and with symbols for its addresses, as it appears among other
        /// lines.
        case line(channel: UInt8, text: String)
        /// The descriptor that `wait` watches has something to read, or has ended.
        case readable
        /// QEMU has ended, with this status.
        case ended(Int32)
    }

    package let channels: [Channel]
    private let process: EmulatorProcess
    private let framing: ConsoleFraming
    /// The files of the run. The session keeps their lock as long as it may write them.
    package let files: RunFiles
    /// The files of the board's disks, whose locks the session keeps.
    private let disks: DiskFiles?
    private let logs: ConsoleLogs
    private let symboliser: Symboliser
    private let start = ContinuousClock.now
    private var demultiplexer = ConsoleDemultiplexer()
    private let multiplexer = ConsoleMultiplexer()
    private var splitters: [UInt8: LineSplitter] = [:]
    private var pacer = InputPacer()
    /// The watch that asks root about the machine to which the user is attached, if that machine is silent.
    private var silence: (watch: SilenceWatch, channel: UInt8)?
    private let control: ControlServer
    private let controlChannel: UInt8?
    /// The names of the machines that can write to disks.
    private let diskMachines: Set<String>
    /// The channels of machines of which the Linux or the monitor has reported that it is off, and has said nothing
    /// since then.
    private var offChannels: Set<UInt8> = []
    /// True after QEMU has ended.
    private(set) var hasEnded = false

    init(
        arguments: [String], channels: [Channel], framing: ConsoleFraming, files: RunFiles, disks: DiskFiles? = nil,
        diskMachines: Set<String> = []
    ) throws {
        self.diskMachines = diskMachines
        self.channels = channels
        self.framing = framing
        self.files = files
        self.disks = disks
        controlChannel = channels[named: DiskTenant.control]?.number
        logs = try ConsoleLogs(folder: files.logs, channels: channels)
        control = try ControlServer(files: files, channels: channels)
        symboliser = Symboliser(channels: channels)
        process = try EmulatorProcess(arguments: arguments)
    }

    deinit { process.end() }

    package func end() {
        hasEnded = true
        process.end()
    }

    /// The machines that run and may have files that they have not written to their disks.
    var machinesToSave: [Channel] {
        channels.machines.filter { diskMachines.contains($0.name) && !offChannels.contains($0.number) }
    }

    /// Sends a break of a console's line, and a key behind it.
    func sendBreak(thenKey key: UInt8, to channel: UInt8) {
        if case .multiplexed = framing { pacer.add(multiplexer.encode(breakAnd: key, for: channel)) }
    }

    package var processIdentifier: Int32 { process.identifier }

    /// Sends input to a console, as fast as the serial port of the board takes it.
    package func type(_ bytes: some Sequence<UInt8>, to channel: UInt8) {
        switch framing {
        case .multiplexed: pacer.add(multiplexer.encode(bytes, for: channel))
        case .single: pacer.add(Array(bytes))
        }
    }

    /// Watches for a silent machine, about which it asks root. On the bare board there is no root.
    package func watchSilence(of machine: Channel?) {
        guard case .multiplexed = framing, let machine, machine.kind == .machine else { return }
        silence = (
            SilenceWatch(machine: machine.name, log: files.log(ofConsole: machine.name).shortPath), machine.number
        )
    }

    /// Waits until something happens or `timeout` is over, and returns the events. There are none after a timeout or a
    /// signal.
    package func wait(timeout: Duration, watching descriptor: Int32? = nil) -> [Event] {
        var polled = [pollfd(fd: process.outputDescriptor, events: Int16(POLLIN), revents: 0)]
        if let descriptor, !pacer.isFull { polled.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)) }
        let others = polled.count
        polled += control.polled(takesInput: !pacer.isFull)
        let patience = [pacer.untilNext, silence?.watch.untilNext()].compactMap(\.self).reduce(timeout, min)
        let count = poll(&polled, nfds_t(polled.count), max(0, patience.milliseconds))
        if let burst = pacer.next() { pacer.sent(process.write(burst)) }
        guard count > 0 else { return silenceEvents() }
        for input in control.serve(polled[others...]) { type(input.bytes, to: input.channel) }
        var events: [Event] = []
        if others > 1, polled[1].revents != 0 { events.append(.readable) }
        if polled[0].revents != 0 { events += readOutput() }
        return events + silenceEvents()
    }

    private func silenceEvents() -> [Event] {
        guard let actions = silence?.watch.due() else { return [] }
        return actions.compactMap { action in
            switch action {
            case .ask(let command):
                type(RootCommand.line(command), to: ConsoleChannel.root)
                return nil
            case .say(let text):
                return .line(channel: ConsoleChannel.root, text: "[entente: \(text)]")
            }
        }
    }

    private func readOutput() -> [Event] {
        guard let bytes = process.read() else {
            hasEnded = true
            return flushLines() + [.ended(process.waitForEnd())]
        }
        let pieces =
            switch framing {
            case .multiplexed: demultiplexer.take(bytes)
            case .single(let channel): [ConsoleDemultiplexer.Piece(channel: channel, bytes: bytes)]
            }
        return pieces.flatMap { piece in
            logs.write(piece.bytes, of: piece.channel)
            if piece.channel == silence?.channel { silence?.watch.heardMachine() }
            control.said(piece.bytes, by: piece.channel)
            let lines = splitters[piece.channel, default: LineSplitter()].take(piece.bytes)
            let output = Event.output(channel: piece.channel, bytes: piece.bytes)
            if let line = lines.last { noteEnd(line, of: piece.channel) }
            if piece.channel == ConsoleChannel.root { lines.forEach { silence?.watch.heardRoot($0) } }
            return [output]
                + lines.filter { !isReply($0, of: piece.channel) }.map {
                    Event.line(channel: piece.channel, text: stamped($0, of: piece.channel))
                }
        }
    }

    /// Notes if a machine's Linux has turned its machine off, or its monitor says that it is off.
    private func noteEnd(_ line: String, of channel: UInt8) {
        if FileSaving.isEnd(line) { offChannels.insert(channel) } else { offChannels.remove(channel) }
    }

    /// Returns true for a reply of the disk control, which is for another run of the tool.
    private func isReply(_ line: String, of channel: UInt8) -> Bool {
        channel == controlChannel && DiskReply(line: Array(line.utf8)) != nil
    }

    /// Returns unfinished lines at the system's end, because they may hold the reason of the end.
    private func flushLines() -> [Event] {
        splitters.keys.sorted().compactMap { channel in
            guard let rest = splitters[channel]?.flush(), !rest.isEmpty else { return nil }
            return .line(channel: channel, text: stamped(rest, of: channel))
        }
    }

    private func stamped(_ line: String, of channel: UInt8) -> String {
        let text = symboliser.annotate(line, from: channel)
        let known = channels.first { $0.number == channel }
        let name = known?.name ?? "channel \(channel)"
        // Components write their own time into their lines. A machine's lines hold the machine's time, which differs.
        if text.hasPrefix("["), known?.kind != .machine, let end = text.firstIndex(of: "]") {
            return "\(text[...end]) \(name):\(text[text.index(after: end)...])"
        }
        return String(format: "[%12.6f] ", (ContinuousClock.now - start).inSeconds) + "\(name): \(text)"
    }
}

/// Limits input to the speed of a fast serial line. The port buffers 32 bytes and its driver a few thousand, and
/// further bytes would be lost there.
struct InputPacer {
    private var waiting: ArraySlice<UInt8> = []
    private var earliest = ContinuousClock.now

    static let burst = 32
    static let pause = Duration.milliseconds(3)

    mutating func add(_ bytes: [UInt8]) { waiting += bytes }

    /// True if so many bytes wait that further ones would wait for seconds.
    var isFull: Bool { waiting.count > 1 << 14 }

    /// The time until the next bytes may go, or nil if there are none.
    var untilNext: Duration? { waiting.isEmpty ? nil : max(.zero, earliest - .now) }

    /// Returns the bytes that may go now.
    func next() -> ArraySlice<UInt8>? {
        guard !waiting.isEmpty, ContinuousClock.now >= earliest else { return nil }
        return waiting.prefix(InputPacer.burst)
    }

    mutating func sent(_ count: Int) {
        waiting = waiting.dropFirst(count)
        earliest = .now + InputPacer.pause
    }
}
