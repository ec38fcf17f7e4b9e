import ABI
import Entente
import Supervision

/// Builds the tenants of the image's table, and builds them again. The console driver is the first, because all others get a
/// console from it.
///
/// A tenant comes in three steps: what outlives it (`prepare`), the tenant itself (`construct`), and what it shares with
/// others (`connect`). The last two are repeated in each of its lives.
struct SystemBuilder: ~Copyable {
    /// Slots of a tenant's table.
    static var tableSlots: UInt64 { 160 }

    var memory: Memory
    /// Root's own notification, on which the supervisor waits.
    let notification = InitialSlot.notification
    /// The pages of root's own console.
    var console: UInt32 = 0
    var tenants: FixedTable<Tenant>
    /// The memory of each shared region, by number.
    var regions = InlineArray<8, UInt32>(repeating: 0)
    /// The lines that tell the machine at each end of a region, and the lives of both ends between which its bell leads.
    var bells = InlineArray<8, RegionBells>(repeating: RegionBells())
    /// Seeds the random numbers of each life of each tenant.
    private var random: RandomSource

    static var tenantCount: Int { min(BootTable.tenantCount, ConsoleChannel.maximum - 2) }
    static let consoleDriver = 0

    /// - Parameter memory: has room for the tenants at `address`.
    init(_ memory: consuming Memory, tenantsAt address: UInt64) {
        self.memory = memory
        // SAFETY: root has one thread, which set it before.
        random = RandomSource(seed: unsafe BootTable.seed)
        tenants = FixedTable(at: UInt(address), count: SystemBuilder.tenantCount, repeating: Tenant())
    }

    /// Everything up to the point at which the tenants can start.
    mutating func build() {
        buildRoot()
        // Portals first: a tenant may lead its faults to one that comes later.
        prepareRegions()
        for index in 0..<SystemBuilder.tenantCount { tenants[index].portal = memory.create(.portal) }
        for index in 0..<SystemBuilder.tenantCount {
            prepare(index)
            construct(index)
        }
        for index in 0..<SystemBuilder.tenantCount { connect(index) }
        memory.settle()
    }

    /// Returns random bits that nobody else gets. The counter makes them differ where the boot loader left none.
    mutating func nextSeed() -> InlineArray<4, UInt64> {
        random.mix(Clock.now)
        return random.next()
    }

    // MARK: One tenant

    /// What outlives a tenant: its estate, and what others share with it or must not be cleared each time.
    private mutating func prepare(_ index: Int) {
        let record = BootTable.tenant(index)
        var estate = Estate(EstateDemand(record), &memory)
        tenants[index].console = memory.clearedExtent(2 * ConsoleRing.size)
        if index == SystemBuilder.consoleDriver {
            tenants[index].interrupt = memory.createInterrupt(BootTable.header.board.serialInterrupt)
        }
        if record.kind == TenantKind.machine.rawValue { prepareMachine(record, index) }
        prepareRings(record, index)
        estate.beginLife()
        tenants[index].estate = estate
    }

    /// The tenant with everything that is its own. It does not run yet.
    mutating func construct(_ index: Int) {
        let record = BootTable.tenant(index)
        buildProgram(record, index)
        if record.kind == TenantKind.machine.rawValue { buildMachine(record, index) }
        writeConfiguration(record, index)
        tenants[index].isAlive = true
    }

    /// Binds what the tenant shares with others: each side does its own part, so it does not matter who lived first.
    mutating func connect(_ index: Int) {
        if index == SystemBuilder.consoleDriver {
            grantSerialPort(index)
            connectConsoles()
            rootConsole.driver(isDead: false)
        } else {
            connectConsole(of: index)
        }
        connectServers(of: index)
        connectRings(of: index)
        connectPaging(of: index)
        connectEvents(index)
        tenants[index].isConnected = true
        connectRegions(of: index)
    }

    func start(_ index: Int) {
        let tenant = tenants[index]
        for number in 0..<tenant.threadCount {
            require(contextControl(tenant.threads[number], .start), "cannot start a thread")
        }
    }

    /// Destroys a tenant. What others have of it vanishes; its memory waits for its next life.
    mutating func tearDown(_ index: Int) {
        tenants[index].isAlive = false
        tenants[index].isConnected = false
        if index == SystemBuilder.consoleDriver { rootConsole.driver(isDead: true) }
        tenants[index].estate?.endLife()
        tenants[index].threadCount = 0
        tenants[index].time = 0
        tenants[index].reportedOverruns = 0
        tenants[index].lives += 1
        countLife(of: index)
    }

    // MARK: Root itself

    /// Root's notification and console.
    private mutating func buildRoot() {
        buildOwnNotification()
        console = memory.mapOwn(ComponentLayout.console, size: 2 * ConsoleRing.size)
    }

    private mutating func buildOwnNotification() {
        let slot = memory.create(.notification)
        derive(slot, into: InitialSlot.table, notification)
        require(
            invoke(
                .notificationBind, Selector(slot: slot, form: NotificationBind.thread.rawValue),
                Words(UInt64(InitialSlot.thread))), "cannot bind root's notification")
    }
}

/// Root's slots of what a tenant is made of.
struct Tenant {
    // What outlives it.
    var estate: Estate?
    var console: UInt32 = 0
    /// Leads to its main thread, in each life anew: who has it need not notice a restart, but can, by the generation.
    var portal: UInt32 = 0
    /// Of the console driver: the serial port's.
    var interrupt: UInt32 = 0
    /// Of a machine: its RAM, and what its doorbell raises if it has a peer.
    var memory: UInt32 = 0
    var eventLine: UInt32 = 0
    /// The memory that it shares with the server of each connection (`SystemBuilder+Rings.swift`).
    var rings = InlineArray<8, UInt32>(repeating: 0)

    // What each life has anew.
    var isAlive = false
    /// Its shares with others are bound, so that peers may be bound to it.
    var isConnected = false
    var table: UInt32 = 0
    var space: UInt32 = 0
    var notification: UInt32 = 0
    var threads = InlineArray<8, UInt32>(repeating: 0)
    var threadCount = 0
    /// The extent of its memory beyond the program.
    var heap: UInt32 = 0
    /// Of a machine.
    var machineSpace: UInt32 = 0
    var virtualCPUs = InlineArray<8, UInt32>(repeating: 0)
    /// The scheduling context of each of them.
    var virtualTimes = InlineArray<8, UInt32>(repeating: 0)

    /// The scheduling context of its main thread, if that has a budget; and the overruns of this life that were reported.
    var time: UInt32 = 0
    var reportedOverruns: UInt64 = 0

    /// How often it has died.
    var lives: UInt64 = 0
}

// MARK: - Contexts

func configureTime(
    _ scheduling: UInt32, core: UInt64, priority: UInt64, allowance: TimeAllowance = .unlimited
) {
    require(
        invoke(
            .scheduleControl, Selector(slot: scheduling, form: ScheduleControl.configure.rawValue),
            Words(core, priority, Clock.frequency / 100, allowance.budgetTicks, allowance.periodTicks)), "cannot configure a scheduling context")
}

func configure(_ context: UInt32, space: UInt32, table: UInt32, portal: UInt32, _ scheduling: UInt32, _ core: UInt64) {
    require(
        contextControl(
            context, .configure, Words(UInt64(space), UInt64(table), UInt64(portal), UInt64(scheduling), core)),
        "cannot configure a context")
}

func setEntry(_ thread: UInt32, _ entry: UInt64, _ stackTop: UInt64, number: UInt64, core: UInt64) {
    writeRegisters(thread, first: 0, count: 2, number, core)
    writeRegisters(thread, first: RegisterNumber.stackPointer, count: 2, stackTop, entry)
}
