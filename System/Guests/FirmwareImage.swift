import ABI
import Foundation

/// The firmware of a machine, which lies in the first bank of the machine's flash and starts at its first byte.
public enum FirmwareImage {
    /// The size of the place at the start of RAM where U-Boot and edk2 look for the device tree. QEMU reserves as much
    /// there.
    static let deviceTreeCapacity = 1 << 20

    /// Checks a file of firmware.
    ///
    /// - Throws: `Failure` if it cannot be the code that starts a machine.
    public static func check(_ data: Data) throws(Failure) {
        let remedy = "name a file such as QEMU_EFI.fd or u-boot.bin, which QEMU takes by '-bios'"
        guard !data.isEmpty else { throw Failure("the firmware is empty", remedy: remedy) }
        guard !data.starts(with: [0x7F] + "ELF".utf8) else {
            throw Failure("the firmware is an ELF file, but flash holds plain code", remedy: remedy)
        }
        guard UInt64(data.count) <= MachineFlash.bankSize else {
            throw Failure(
                "the firmware has \(ByteSize(bytes: UInt64(data.count))), but the bank of flash "
                    + "\(ByteSize(bytes: MachineFlash.bankSize))", remedy: remedy)
        }
    }

    /// Returns firmware without what the bank shows anyway: whole pages at the end that are erased or zero, with which
    /// some distributions fill the file up to the size of the bank.
    public static func trimmed(_ data: Data) -> Data {
        let page = Int(Program.pageSize)
        var end = data.count
        while end > page {
            let start = (end - 1) / page * page
            let last = data[data.startIndex + start..<data.startIndex + end]
            guard last.allSatisfy({ $0 == 0 }) || last.allSatisfy({ $0 == 0xFF }) else { break }
            end = start
        }
        return Data(data.prefix(end))
    }
}
