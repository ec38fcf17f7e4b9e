import AArch64Support
import KernelCore

// Panics: a kernel bug ends the system. The kernel prints core, cause, registers and backtrace on the serial line,
// and then powers the board off. It prints addresses as linked (the kernel is linked at 0), so that the host tool
// finds their names.

/// Ends the system in a state from which the kernel cannot continue.
func panic(_ text: StaticString, _ detail: UInt64) -> Never {
    begin()
    Console.write(text)
    Console.write(" ")
    Console.write(hex: detail)
    Console.write("\n")
    AArch64.powerOff()
}

/// Ends the system after an exception at EL2. The vectors pass the address of the saved `x0…x29`.
@c(kernel_panic)
func kernelPanic(_ registers: UInt64, _ link: UInt64, _ stackPointer: UInt64) {
    begin()
    Console.write("exception in the kernel\npanic: esr ")
    Console.write(hex: read_ESR_EL2())
    Console.write(" far ")
    Console.write(hex: read_FAR_EL2())
    Console.write(" spsr ")
    Console.write(hex: read_SPSR_EL2())
    Console.write(" pc ")
    Console.write(hex: linked(read_ELR_EL2()))
    Console.write(" sp ")
    Console.write(hex: stackPointer)
    printRegisters(registers, link)
    printBacktrace(memory_read64(registers + 29 * 8), link)
    AArch64.powerOff()
}

private func begin() {
    Console.selectKernelChannel()
    Console.write("\npanic: core ")
    Console.write(hex: UInt64(AArch64.core.pointee.id.number))
    Console.write(": ")
}

private func linked(_ address: UInt64) -> UInt64 { address &- address_of_kernel_start() }

private func printRegisters(_ registers: UInt64, _ link: UInt64) {
    for number in 0..<30 {
        Console.write(number % 4 == 0 ? "\npanic:" : "")
        Console.write(" x")
        Console.put(0x30 + UInt8(number / 10))
        Console.put(0x30 + UInt8(number % 10))
        Console.write("=")
        Console.write(hex: memory_read64(registers + UInt64(number) * 8))
    }
    Console.write(" x30=")
    Console.write(hex: link)
}

/// Follows the frame records as long as they lie in this core's stack.
private func printBacktrace(_ framePointer: UInt64, _ link: UInt64) {
    Console.write("\npanic: backtrace: ")
    Console.write(hex: linked(read_ELR_EL2()))
    Console.write(" ")
    Console.write(hex: linked(link))
    let top = read_TPIDR_EL2()
    var frame = framePointer
    var depth = 0
    while frame >= top &- 0x3000, frame < top, frame & 15 == 0, depth < 32 {
        Console.write(" ")
        Console.write(hex: linked(memory_read64(frame + 8)))
        frame = memory_read64(frame)
        depth &+= 1
    }
    Console.write("\n")
}
