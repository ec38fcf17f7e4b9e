import DiskDriver
import Entente

// The driver of the board's virtio block devices. The storage component is its client.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var driver = DiskDriver()
    driver.run()
}
