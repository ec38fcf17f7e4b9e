import ABI
import Foundation
import Testing

@testable import SystemImage

@Suite struct ProgramTests {
    private func problem(_ change: (inout ELFBuilder) -> Void) -> String {
        var builder = ELFBuilder.component
        change(&builder)
        return #expect(throws: Failure.self) { try Program(elf: builder.build()) }?.problem ?? ""
    }

    @Test func takesTheSegmentsOfAnExecutable() throws {
        let program = try Program(elf: ELFBuilder.component.build())
        #expect(program.entry == 0x20_0000)
        #expect(program.segments.map(\.address) == [0x20_0000, 0x20_2000, 0x20_3000])
        #expect(program.segments.map(\.memorySize) == [0x2000, 0x1000, 0x3000])
        #expect(program.segments.map(\.data.count) == [5000, 100, 16])
        #expect(program.segments.map(\.rights) == [5, 1, 3].map(UInt8.init))
    }

    @Test func symbolisesAddresses() throws {
        let program = try Program(elf: ELFBuilder.component.build())
        #expect(program.symbol(at: 0x20_0000) == "_start")
        #expect(program.symbol(at: 0x20_0008) == "_start + 0x8")
        #expect(program.symbol(at: 0x20_0014) == "Test.f() -> () + 0x4")
        #expect(program.symbol(at: 0x20_0040) == nil, "behind the end of its size")
        #expect(program.symbol(at: 0x1F_FFFF) == nil)
        #expect(program.symbol(at: 0x20_0107) == "last + 0x7")
    }

    @Test func refusesOtherFiles() {
        #expect(throws: Failure.self) { try Program(elf: Data()) }
        #expect(throws: Failure.self) { try Program(elf: Data("#!/bin/sh\n".utf8)) }
        #expect(problem { $0.machine = 62 }.contains("x86-64"))
        #expect(problem { $0.fileClass = 1 }.contains("64-bit"))
        #expect(problem { $0.order = 2 }.contains("big-endian"))
        #expect(problem { $0.segments = [] }.contains("no program headers"))
    }

    @Test func refusesSegmentsThatDoNotFit() {
        #expect(problem { $0.segments[1].address = 0x20_1000 }.contains("overlaps"))
        #expect(problem { $0.segments[1].address = 0x20_2010 }.contains("page"))
        #expect(problem { $0.segments[0].address = 0x10_0000 }.contains("below"))
        #expect(problem { $0.segments[2].memorySize = 1 << 32 }.contains("stacks"))
        #expect(problem { $0.segments[2].memorySize = .max }.contains("end of the address space"))
        #expect(problem { $0.segments[2].memorySize = 8 }.contains("larger in the file"))
        #expect(problem { $0.segments[0].flags = 7 }.contains("writable and executable"))
        #expect(
            problem { builder in
                for page in UInt64(10)..<12 {
                    builder.segments.append(.init(flags: 4, address: 0x20_0000 + page * 4096, data: Data(count: 1)))
                }
            }.contains("5 segments"))
    }

    @Test func refusesABadEntry() {
        #expect(problem { $0.entry = 0x20_3000 }.contains("no executable segment"))
        #expect(problem { $0.entry = 0 }.contains("no executable segment"))
        #expect(problem { $0.entry = 0x20_0002 }.contains("not aligned"))
    }

    @Test func refusesEveryTruncation() {
        let whole = ELFBuilder.component.build()
        for length in 0..<whole.count {
            #expect(throws: Failure.self, "cut off after \(length) bytes") { try Program(elf: whole.prefix(length)) }
        }
    }

    /// Replaces offsets, sizes and counts of the header by numbers that do not fit.
    @Test(arguments: [32, 40, 54, 56, 58, 60, 64 + 8, 64 + 32, 64 + 40], [UInt16.max, 0x7FFF, 1])
    func refusesOrSurvivesHugeFields(offset: Int, value: UInt16) {
        var file = ELFBuilder.component.build()
        file.set(value, at: offset)
        if offset == 32 || offset == 40 || offset >= 64 {
            file.set(UInt64(value) << 48 | .max >> 17, at: offset)
        }
        _ = try? Program(elf: file)
        _ = try? GuestKernelKind(of: file, format: .auto)
    }

    @Test func acceptsAPieceOfALargerBuffer() throws {
        let buffer = Data(count: 100) + ELFBuilder.component.build()
        #expect(try Program(elf: buffer[100...]).segments.count == 3)
    }
}
