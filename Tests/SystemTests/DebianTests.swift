import Foundation
import SystemImage
import Testing

extension SystemTests {
    /// One Debian machine beside one component.
    @Suite(.serialized) struct DebianTests {
        @Test(arguments: ["cortex-a53", "cortex-a57", "cortex-a72", "cortex-a76", "neoverse-n1", "max"])
        func bootsToAShell(onCPU cpu: String) throws {
            let system = try RunningSystem("examples/debian", board: BoardOverrides(cpu: cpu))
            let (status, output) = try system.run("uname -sm; id -u; exit 7", on: "debian")
            #expect(output == "Linux aarch64\n0\n")
            #expect(status == 7)
            // Linux takes random numbers from the machine's firmware.
            let random = try system.run("ls /sys/bus/platform/devices; dmesg | grep -o 'crng init done'", on: "debian")
            #expect(random.output.contains("smccc_trng\n") && random.output.contains("crng init done\n"))
            try system.wait(for: "heartbeat 2", on: "heartbeat")
        }

        @Test(arguments: [1, 2, 4], [1, 4])
        func seesItsProcessors(count: Int, onCores cores: Int) throws {
            let system = try RunningSystem("Tests/Systems/cpus-\(count).yaml", board: BoardOverrides(cores: cores))
            let online = try system.run("nproc; grep -c ^processor /proc/cpuinfo", on: "debian", timeout: .seconds(120))
            #expect(online.output == "\(count)\n\(count)\n")
            // Every processor works at once, because a lost wake-up or interrupt would leave one of them behind.
            let busy = try system.run(
                "for i in $(seq \(count)); do taskset -c $((i-1)) sh -c 'n=0; while [ $n -lt 2000 ]; do n=$((n+1)); done' & done; wait; echo all",
                on: "debian", timeout: .seconds(120))
            #expect(busy.output == "all\n")
        }

        @Test func keepsOutputUnchanged() throws {
            let system = try RunningSystem("examples/debian")
            let text = try system.run(
                "printf 'a\\tb\\r\\n\\036\\001\\033[1m\\n'; yes entente | head -n 500 | md5sum", on: "debian")
            #expect(text.output == "a\tb\r\n\u{1E}\u{01}\u{1B}[1m\n" + "4d6edcc065ae5a1404899f8b074ee516  -\n")
        }
    }
}
