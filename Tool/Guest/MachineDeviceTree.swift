import Foundation
import SystemImage

/// The device tree of a machine, as source for dtc. It has those devices of QEMU's `virt` that a machine has.
struct MachineDeviceTree {
    var memory: ClosedRange<UInt64>
    var cpus: Int
    /// The command line of a kernel; nil for firmware, which gives the kernel its command line.
    var commandLine: String?
    /// The guest-physical addresses of the initial file system.
    var initrd: Range<UInt64>?
    /// The entropy for the guest's random number generator. Without it Linux's generator is not ready for a long time,
    /// and every system call that uses it takes a slow path.
    var seed: Seed = .random
    var sharedMemory: [SharedMemoryEnd] = []
    /// The source that the tool adds, which may refer to the labels below.
    var overlay: URL?
    /// The machine's name, which the Debian guest takes as its host name.
    var name: String?
    /// The size of the terminal at the machine's console, which the serial line cannot report.
    var terminal: TerminalSize?
    var hasWatchdog = false
    /// True if the machine starts from firmware.
    var hasFlash = false
    /// The number of virtual disks, each a virtio device.
    var diskCount = 0

    enum Seed {
        case random
        /// The seed is the same at each boot, for runs that are compared.
        case fixed
    }

    var source: String {
        """
        /dts-v1/;

        / {
            model = "linux,dummy-virt";
            compatible = "linux,dummy-virt";
            interrupt-parent = <&gic>;
            #address-cells = <2>;
            #size-cells = <2>;

            chosen {
                stdout-path = "/pl011@9000000";
        \(chosenCommandLine)\(chosenInitrd)\(chosenConsole)        rng-seed = <\(seedCells)>;
            };

            memory@\(MachineDeviceTree.hex(memory.lowerBound, prefix: "")) {
                device_type = "memory";
                reg = <\(MachineDeviceTree.cells(memory.lowerBound)) \(MachineDeviceTree.cells(memory.upperBound - memory.lowerBound + 1))>;
            };

            cpus {
                #address-cells = <1>;
                #size-cells = <0>;
        \((0..<cpus).map(cpu).joined())    };

            psci {
                compatible = "arm,psci-1.0", "arm,psci-0.2", "arm,psci";
                method = "hvc";
                cpu_suspend = <0xc4000001>;
                cpu_off = <0x84000002>;
                cpu_on = <0xc4000003>;
                migrate = <0xc4000005>;
            };

            timer {
                compatible = "arm,armv8-timer", "arm,armv7-timer";
                always-on;
                interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>;
            };

            gic: intc@8000000 {
                compatible = "arm,gic-v3";
                interrupt-controller;
                #interrupt-cells = <3>;
                #redistributor-regions = <1>;
                reg = <0 0x08000000 0 0x10000>, <0 0x080a0000 0 0xf60000>;
            };

            clock: apb-pclk {
                compatible = "fixed-clock";
                #clock-cells = <0>;
                clock-frequency = <24000000>;
                clock-output-names = "clk24mhz";
            };

            serial: pl011@9000000 {
                compatible = "arm,pl011", "arm,primecell";
                reg = <0 0x09000000 0 0x1000>;
                interrupts = <0 1 4>;
                clocks = <&clock>, <&clock>;
                clock-names = "uartclk", "apb_pclk";
            };

            pl031@9010000 {
                compatible = "arm,pl031", "arm,primecell";
                reg = <0 0x09010000 0 0x1000>;
                interrupts = <0 2 4>;
                clocks = <&clock>;
                clock-names = "apb_pclk";
            };
        \(failureDevices)\(flashSource)\(virtioDevices)\(sharedMemorySource)        };
        """
    }

    private func cpu(_ number: Int) -> String {
        """
                cpu@\(number) {
                    device_type = "cpu";
                    compatible = "arm,armv8";
                    reg = <\(number)>;
                    enable-method = "psci";
                };

        """
    }

    private var chosenCommandLine: String {
        commandLine.map { "        bootargs = \(MachineDeviceTree.quoted($0));\n" } ?? ""
    }

    private var chosenInitrd: String {
        guard let initrd else { return "" }
        return """
                    linux,initrd-start = <\(MachineDeviceTree.cells(initrd.lowerBound))>;
                    linux,initrd-end = <\(MachineDeviceTree.cells(initrd.upperBound))>;

            """
    }

    private var chosenConsole: String {
        let name = name.map { "        entente,name = \(MachineDeviceTree.quoted($0));\n" } ?? ""
        return name + (terminal.map { "        entente,terminal = \"\($0.sttyArguments)\";\n" } ?? "")
    }

    private var seedCells: String {
        let words: [UInt32] =
            switch seed {
            case .random: (0..<8).map { _ in UInt32.random(in: 0 ... .max) }
            case .fixed: (1...8).map { 0x9E37_79B9 &* $0 }
            }
        return words.map { MachineDeviceTree.hex(UInt64($0)) }.joined(separator: " ")
    }

    static func cells(_ value: UInt64) -> String { "\(hex(value >> 32)) \(hex(value & 0xFFFF_FFFF))" }

    static func hex(_ value: UInt64, prefix: String = "0x") -> String { prefix + String(value, radix: 16) }

    /// Returns a string of the dts language.
    static func quoted(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar -> String in
            switch scalar {
            case "\"", "\\": "\\\(scalar)"
            case _ where scalar.value < 0x20: String(format: "\\x%02x", scalar.value)
            default: String(scalar)
            }
        }
        return "\"\(escaped.joined())\""
    }
}
