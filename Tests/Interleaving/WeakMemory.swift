import SharedAccess

// Models memory as seen by cores that reorder their accesses as Armv8 allows (DDI 0487, B2.3). The model uses views:
// each location has the history of its stores, and each core has a view, which holds the oldest store of each location
// that the core's next load may return.
//
// - A relaxed load returns any store that is not older than the view. An acquire load adds the view that came with the
//   store to the core's own. A load of an address adds that view only for the memory behind the address, together with
//   the views by which the core has reached the address.
// - A release store carries the core's view. A relaxed store carries the stores before the last DMB ISHST.
// - A read-modify-write loads the newest store.
// - DMB ISH exchanges views with all cores that execute one. Load-acquires of the same core see a store-release and
//   everything before it, as RCsc demands: both are ordered like barriers.
//
// A view also holds the accesses of each core that have ended before. A core that takes over memory of others must be
// ordered behind their last accesses, including loads.
//
// Stores enter the histories in the order of their execution. The model therefore leaves out load buffering, and a
// store never comes before an older one of its location. docs/caveats.md lists its other limits.

/// The oldest visible store of each location, by the locations' numbers.
struct View {
    private(set) var times: [Int32] = []
    /// The numbers of each core's last load and last store that have ended before.
    var ended = (loads: SIMD4<Int32>.zero, stores: SIMD4<Int32>.zero)

    subscript(_ location: Int) -> Int { location < times.count ? Int(times[location]) : 0 }

    mutating func raise(_ location: Int, to time: Int) {
        while times.count <= location { times.append(0) }
        if times[location] < Int32(time) { times[location] = Int32(time) }
    }

    mutating func join(_ other: View) {
        ended.loads = pointwiseMax(ended.loads, other.ended.loads)
        ended.stores = pointwiseMax(ended.stores, other.ended.stores)
        if times.isEmpty {
            times = other.times
            return
        }
        while times.count < other.times.count { times.append(0) }
        for location in other.times.indices where times[location] < other.times[location] {
            times[location] = other.times[location]
        }
    }
}

struct Store {
    var value: UInt64
    /// The view of a load that acquires this store.
    var view: View
}

/// The stores that one core has seen and ordered.
struct CoreView {
    /// No load returns an older store.
    var current = View()
    /// The views that came with the core's relaxed loads as well: `current` after DMB ISHLD.
    var acquirable = View()
    /// The view of the core's own stores, and of the views that its store-releases carry.
    var stores = View()
    /// The view that its relaxed stores carry.
    var released = View()
    /// The oldest stores that its load-acquires see, because they come after its store-releases.
    var afterRelease = View()
    /// The memory behind the addresses that it has loaded, and the views that came with these.
    var reachable: [(range: Range<UInt>, view: View)] = []
    /// The number of its accesses.
    var accesses: Int32 = 0
}

struct WeakMemory {
    private(set) var places: [SharedPlace] = []
    private var numbers: [SharedPlace: Int] = [:]
    private var histories: [[Store]] = []
    private var cores: [CoreView]
    /// The view that barriers exchange.
    private var global = View()
    /// For each location, the number of each core's last load and store.
    private var last: [(loads: SIMD4<Int32>, stores: SIMD4<Int32>)] = []

    init(cores count: Int) { cores = Array(repeating: CoreView(), count: count) }

    /// Forgets all stores; the locations keep their numbers.
    mutating func reset() {
        for number in histories.indices { histories[number].removeAll(keepingCapacity: true) }
        for index in cores.indices { cores[index] = CoreView() }
        for number in last.indices { last[number] = (.zero, .zero) }
        global = View()
    }

    mutating func number(_ place: SharedPlace) -> Int {
        if let number = numbers[place] { return number }
        places.append(place)
        histories.append([])
        last.append((.zero, .zero))
        numbers[place] = places.count - 1
        return places.count - 1
    }

    /// Takes the present contents of memory into the history: the first value, or one that a plain store has left.
    mutating func settle(_ location: Int) {
        let value = places[location].value
        if histories[location].last?.value != value { histories[location].append(Store(value: value, view: View())) }
    }

    func newest(_ location: Int) -> UInt64 { histories[location].last!.value }

    // MARK: Loads

    /// Returns how many older stores a load may return beside the newest.
    mutating func olderCount(_ core: Int, _ location: Int, _ order: LoadOrder) -> Int {
        if order == .acquire { cores[core].current.join(cores[core].afterRelease) }
        let address = places[location].address
        for (range, view) in cores[core].reachable where range.contains(address) {
            cores[core].current.raise(location, to: view[location])
        }
        return histories[location].count - 1 - cores[core].current[location]
    }

    /// Returns the older stores that a read-modify-write may see if it changes nothing.
    mutating func olderValues(_ core: Int, _ location: Int, _ order: UpdateOrder) -> [(back: Int, value: UInt64)] {
        let count = olderCount(core, location, order.acquires ? .acquire : .relaxed)
        guard count > 0 else { return [] }
        return (1...count).map { ($0, histories[location][histories[location].count - 1 - $0].value) }
    }

    /// Loads the store that is `back` stores older than the newest one.
    mutating func load(_ core: Int, _ location: Int, _ order: LoadOrder, back: Int) -> UInt64 {
        let time = histories[location].count - 1 - back
        let store = histories[location][time]
        cores[core].current.raise(location, to: time)
        cores[core].acquirable.raise(location, to: time)
        cores[core].acquirable.join(store.view)
        switch order {
        case .relaxed: break
        case .acquire: cores[core].current.join(store.view)
        case .dependency(let span, let mask):
            let start = UInt(store.value & mask)
            if start != 0, start < UInt.max / 2 { reach(core, start..<start + span, by: location, store.view) }
        }
        return store.value
    }

    /// Notes that the core has loaded the address of `range` from `location`.
    private mutating func reach(_ core: Int, _ range: Range<UInt>, by location: Int, _ view: View) {
        var view = view
        let address = places[location].address
        for link in cores[core].reachable where link.range.contains(address) { view.join(link.view) }
        if let known = cores[core].reachable.firstIndex(where: { $0.range == range }) {
            cores[core].reachable[known].view.join(view)
        } else {
            cores[core].reachable.append((range, view))
        }
    }

    /// Lets the core see the newest stores of these locations, because time has passed.
    mutating func catchUp(_ core: Int, _ locations: Set<Int>) {
        for location in locations { cores[core].current.raise(location, to: histories[location].count - 1) }
    }

    // MARK: The ends of accesses

    /// Counts an access.
    mutating func touch(_ core: Int, _ location: Int, loads: Bool, stores: Bool) {
        cores[core].accesses += 1
        let number = cores[core].accesses
        if loads {
            last[location].loads[core] = number
            cores[core].current.ended.loads[core] = number
        }
        if stores {
            last[location].stores[core] = number
            cores[core].current.ended.stores[core] = number
            cores[core].stores.ended.stores[core] = number
        }
    }

    /// Returns a core whose last access of a location is not ordered before the present access of `core`, or nil.
    func unordered(_ core: Int, _ location: Int) -> Int? {
        let ended = cores[core].current.ended, last = last[location]
        return cores.indices.first {
            $0 != core && (last.loads[$0] > ended.loads[$0] || last.stores[$0] > ended.stores[$0])
        }
    }

    // MARK: Stores

    mutating func store(_ core: Int, _ location: Int, _ value: UInt64, _ order: StoreOrder) {
        let time = histories[location].count
        cores[core].current.raise(location, to: time)
        cores[core].acquirable.raise(location, to: time)
        cores[core].stores.raise(location, to: time)
        var view = order == .release ? cores[core].current : cores[core].released
        view.raise(location, to: time)
        histories[location].append(Store(value: value, view: view))
        places[location].value = value
        if order == .release { afterRelease(core) }
    }

    private mutating func afterRelease(_ core: Int) {
        cores[core].stores.join(cores[core].current)
        global.join(cores[core].current)
        cores[core].afterRelease = global
    }

    /// Loads the newest store, and then stores the result of `change` if there is one.
    mutating func update(
        _ core: Int, _ location: Int, _ order: UpdateOrder, _ change: (UInt64) -> UInt64?
    ) -> (old: UInt64, isChanged: Bool) {
        _ = olderCount(core, location, order.acquires ? .acquire : .relaxed)
        let before = histories[location].last!.view
        let old = load(core, location, order.acquires ? .acquire : .relaxed, back: 0)
        guard let value = change(old) else { return (old, false) }
        store(core, location, value, order.releases ? .release : .relaxed)
        // The view of the earlier store continues with this one (a release sequence).
        histories[location][histories[location].count - 1].view.join(before)
        return (old, true)
    }

    // MARK: Barriers

    mutating func order(_ core: Int, _ barrier: Barrier) {
        switch barrier {
        case .loads: cores[core].current.join(cores[core].acquirable)
        case .stores: cores[core].released.join(cores[core].stores)
        case .all:
            cores[core].current.join(cores[core].acquirable)
            cores[core].current.join(global)
            cores[core].acquirable.join(cores[core].current)
            global.join(cores[core].current)
            cores[core].stores.join(cores[core].current)
            cores[core].released = cores[core].current
            cores[core].afterRelease = global
        }
    }
}

extension SharedPlace {
    /// The value in memory. It is always the newest store, for code that the exploration does not observe.
    var value: UInt64 {
        get {
            let pointer = UnsafeRawPointer(bitPattern: address)!
            switch width {
            case 1: return UInt64(pointer.load(as: UInt8.self))
            case 4: return UInt64(pointer.load(as: UInt32.self))
            default: return pointer.load(as: UInt64.self)
            }
        }
        nonmutating set {
            let pointer = UnsafeMutableRawPointer(bitPattern: address)!
            switch width {
            case 1: pointer.storeBytes(of: UInt8(truncatingIfNeeded: newValue), as: UInt8.self)
            case 4: pointer.storeBytes(of: UInt32(truncatingIfNeeded: newValue), as: UInt32.self)
            default: pointer.storeBytes(of: newValue, as: UInt64.self)
            }
        }
    }
}
