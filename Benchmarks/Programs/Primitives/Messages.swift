import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

/// The address at which both address spaces have the message page of the thread that uses it.
private let messagePage: UInt64 = ComponentLayout.workspace &+ 0x1000_0000
private let longest: UInt32 = 64

/// Measures a call and a reply of 64 words each, by way of message pages.
func measureLongCalls(_ factory: inout ObjectFactory) {
    let server = factory.thread(.longEcho, starts: false)
    givePage(&factory, server, factory.space)
    givePage(&factory, InitialSlot.thread, InitialSlot.space)
    let portal = factory.create(.portal, UInt64(server))
    require(contextControl(server, .start), "start a thread")
    let place = messagePage &+ 8 &* UInt64(longest &- 1)
    entente_write64(place, 7)
    let call = Selector(slot: portal, form: MessageShape(length: longest).bits)
    // The server adds 1 to the last word, which shows that the word went there and came back.
    require(
        invoke(.call, call).arrivedWords == longest && entente_read64(place) == 8, "get a long message back",
        status: .ok)
    measure("ipc.call-reply.64w") { _ in invoke(.call, call) }
    require(entente_read64(place) == 8 &+ turnsOfMeasure &+ 1, "have every long message answered", status: .ok)
}

private func givePage(_ factory: inout ObjectFactory, _ thread: UInt32, _ space: UInt32) {
    let page = factory.create(.extent, MessagePage.size)
    factory.map(page, into: space, messagePage, size: MessagePage.size, .write)
    require(contextControl(thread, .setMessagePage, Words(UInt64(page))), "give a thread its message page")
}

/// Serves the calls: adds 1 to the last of 64 words and replies with all of them.
func echoLongMessages() {
    let place = messagePage &+ 8 &* UInt64(longest &- 1)
    let reply = Selector(
        slot: MessageShape(length: longest).bits, form: ReplyForm.reply | ReplyForm.wait)
    _ = replyWait(ReplyForm.wait)
    while true {
        entente_write64(place, entente_read64(place) &+ 1)
        invoke(.replyWait, reply)
    }
}
