import Entente

// A control loop. Once per period it reads a sensor, computes, and commands an actuator, no matter how busy the
// machines beside it are. It simulates the motor here; the driver of a real motor would use `Registers`.
//
// Argument 0 is the period in microseconds (0 means 1000). Argument 1 is the number of periods before the loop
// reports its latencies (0 means 10,000).

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let arguments = Configuration.current.arguments
    var timer = PeriodicTimer(microseconds: arguments[0] == 0 ? 1000 : arguments[0])
    var reporter = Reporter(periods: arguments[1] == 0 ? 10_000 : arguments[1])
    var controller = SpeedController()
    var motor = Motor()
    while true {
        let wakeUp = timer.wait()
        controller.target = timer.count / 1000 % 2 == 0 ? 1000 : 3000
        motor.run(torque: controller.torque(at: motor.speed))
        reporter.record(wakeUp, timer)
        reporter.noteTurn(Clock.now - wakeUp.time)
    }
}
