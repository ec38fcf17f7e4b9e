import Foundation
import Testing

@testable import entente

@Suite struct ImageCheckTests {
    @Test func findsVectorInstructions() {
        let text = """
            0000000000000040 <ordinary>:
                  40:      \tldr\tx0, [x1, #0x8]
                  44:      \tbl\t0x80 <d0>
                  48:      \tstp\tq0, q1, [sp, #-0x20]!
                  4c:      \tmovi\tv0.2d, #0000000000000000
                  50:      \tfmov\tx0, d1
                  54:      \tadd\tw0, w1, #0xd0
                  58:      \tb.hs\t0x60 <x+0x20>

            0000000000000060 <floating_point_save>:
                  60:      \tstp\tq0, q1, [x0]
            """
        let found = ImageCheck.vectorInstructions(inDisassembly: text)
        #expect(found.count == 3)
        #expect(found.allSatisfy { $0.hasPrefix("ordinary: ") })
    }

    @Test func knowsAllocators() {
        for name in ["malloc", "free", "posix_memalign", "swift_slowAlloc", "swift_allocObject", "swift_retain"] {
            #expect(ImageCheck.isAllocator(name), "\(name)")
        }
        for name in ["memset", "$s10KernelCore6RegionV5allocyyF", "freeze", "swift_once"] {
            #expect(!ImageCheck.isAllocator(name), "\(name)")
        }
    }
}

@Suite struct TestReportTests {
    @Test func countsSuites() {
        let text = """
            <testsuites><testsuite name="a" errors="1" tests="5" failures="1" skipped="1" time="0.1"><testcase/></testsuite>
            <testsuite name="b" errors="0" tests="3" failures="0" skipped="0" time="0.1"/></testsuites>
            """
        let count = TestReport.count(inFile: text)
        #expect(count.tests == 8 && count.failures == 2 && count.skipped == 1)
    }
}

@Suite struct BenchRowTests {
    @Test func readsRows() throws {
        let row = try #require(BenchRow(line: "[  1.0] bench: bench: exit.hypercall 249.5"))
        #expect(row.name == "exit.hypercall" && row.value == 249.5)
        #expect(BenchRow(line: "bench: end") == nil)
        #expect(BenchRow(line: "bench: exit.hypercall none") == nil)
        #expect(BenchRow.isEnd(line: "[ 1.0] guest: bench: end"))
    }
}

@Suite struct SymboliserTests {
    @Test func findsAddresses() {
        #expect(Symboliser.addresses(in: " 0x10 0xffff, 12 pc=0x3") == [0x10, 0xFFFF, 3])
    }

    @Test func linesWithoutAddressesStay() {
        let symboliser = Symboliser(channels: [Channel(name: "kernel", kind: .kernel, number: 0)])
        #expect(symboliser.annotate("panic: core 0", from: 0) == "panic: core 0")
        #expect(symboliser.annotate("backtrace: 0x10", from: 9) == "backtrace: 0x10")
    }
}
