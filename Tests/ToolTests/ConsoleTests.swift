import ABI
import Testing

@testable import Tool
@testable import Workshop

@Suite struct ConsoleLineTests {
    /// A component can overwrite neither its own name nor a line of another console.
    @Test func controlsAreShown() {
        #expect("a\tb".withVisibleControls == "a\tb")
        #expect("\rroot: \u{1B}[2J\u{7F}\u{9B}é".withVisibleControls == "^Mroot: ^[[2J^??é")
    }

    @Test func bytesBeforeTheFirstSwitchAreTheKernels() {
        var line = ConsoleDemultiplexer()
        #expect(line.take(Array("boot".utf8)) == [.init(channel: ConsoleChannel.kernel, bytes: Array("boot".utf8))])
    }

    @Test func switchesChannelsAndKeepsLiteralEscapes() {
        var line = ConsoleDemultiplexer()
        let pieces = line.take([0x61, 0x1E, 0x42, 0x62, 0x1E, 0x1E, 0x63, 0x1E, 0x40, 0x64])
        #expect(
            pieces == [
                .init(channel: 0, bytes: [0x61]), .init(channel: 2, bytes: [0x62, 0x1E, 0x63]),
                .init(channel: 0, bytes: [0x64]),
            ])
    }

    @Test func aSwitchMayBeCutInTwo() {
        var line = ConsoleDemultiplexer()
        #expect(line.take([0x1E]).isEmpty)
        #expect(line.take([0x43, 0x61]) == [.init(channel: 3, bytes: [0x61])])
    }

    @Test(arguments: [[0x00], [0x3F], [0x80], [0xFF], [0x7C, 0x3F], [0x7F, 0x80], [0x7D, 0x00]] as [[UInt8]])
    func anUnknownSwitchChangesNothing(bytes: [UInt8]) {
        var line = ConsoleDemultiplexer()
        #expect(line.take([0x1E, 0x42, 0x1E] + bytes + [0x61]) == [.init(channel: 2, bytes: [0x61])])
    }

    /// The bytes of the switches at their borders, as docs/abi.md has them.
    @Test func channelsFrom60OnTakeAByteMore() {
        let switches: [(UInt8, [UInt8])] = [
            (59, [0x7B]), (60, [0x7C, 0x7C]), (63, [0x7C, 0x7F]), (64, [0x7D, 0x40]), (128, [0x7E, 0x40]),
            (255, [0x7F, 0x7F]),
        ]
        for (channel, bytes) in switches {
            #expect(ConsoleMultiplexer().encode([0x61], for: channel) == [0x1E] + bytes + [0x61])
            var line = ConsoleDemultiplexer()
            #expect(line.take([0x1E] + bytes + [0x61]) == [.init(channel: channel, bytes: [0x61])])
        }
    }

    /// A break has the switch of its console before it, and is no output of anybody.
    @Test func breaksAreEncoded() {
        let line = ConsoleMultiplexer().encode(breakAnd: 0x75, for: 3)
        #expect(line == [0x1E, 0x43, 0x1E, 0x21, 0x1E, 0x43, 0x75])
        var decoder = ConsoleDemultiplexer()
        #expect(decoder.take(line) == [.init(channel: 3, bytes: [0x75])])
    }

    /// Encoded bytes come back unchanged, in pieces of any size.
    @Test func multiplexingIsUndoneByDemultiplexing() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            let encoder = ConsoleMultiplexer()
            var wire: [UInt8] = []
            var sent: [UInt8: [UInt8]] = [:]
            for _ in 0..<10 {
                let channel = UInt8.random(in: 56..<64, using: &random)
                let bytes = (0..<Int.random(in: 1..<20, using: &random)).map { _ in
                    UInt8.random(in: 0x1C...0x20, using: &random)
                }
                sent[channel, default: []] += bytes
                wire += encoder.encode(bytes, for: channel)
            }
            var decoder = ConsoleDemultiplexer()
            var received: [UInt8: [UInt8]] = [:]
            while !wire.isEmpty {
                let count = Int.random(in: 1...wire.count, using: &random)
                for piece in decoder.take(wire.prefix(count)) { received[piece.channel, default: []] += piece.bytes }
                wire.removeFirst(count)
            }
            #expect(received == sent)
        }
    }

    @Test func linesLoseTheirEnds() {
        var splitter = LineSplitter()
        #expect(splitter.take(Array("one\r\ntw".utf8)) == ["one"])
        #expect(splitter.take(Array("o\n\nthree".utf8)) == ["two", ""])
        #expect(splitter.flush() == "three")
    }

    @Test func anEndlessLineIsCut() {
        var splitter = LineSplitter()
        let lines = splitter.take(Array(repeating: 0x61, count: 3 * LineSplitter.longest + 1))
        #expect(lines.count == 3)
        #expect(splitter.rest.count == 1)
    }
}

@Suite struct KeyCommandTests {
    @Test func ordinaryBytesAreTyped() {
        var keys = KeyCommands()
        #expect(keys.take([0x61, 0x03, 0xFF]) == [.type([0x61, 0x03, 0xFF])])
    }

    @Test func thePrefixIntroducesCommands() {
        var keys = KeyCommands()
        #expect(
            keys.take([0x61, 0x01, UInt8(ascii: "n"), 0x62, 0x01, UInt8(ascii: "2"), 0x01]) == [
                .type([0x61]), .nextMachine, .type([0x62]), .machine(2),
            ])
        #expect(keys.take([UInt8(ascii: "x")]) == [.quit])
    }

    @Test func thePrefixTwiceTypesItOnce() {
        var keys = KeyCommands()
        #expect(keys.take([0x01, 0x01]) == [.type([0x01])])
    }

    @Test func unknownCommandsAreDropped() {
        var keys = KeyCommands()
        #expect(keys.take([0x01, 0x7A]).isEmpty)
    }
}

/// Generates the same sequence at each run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
