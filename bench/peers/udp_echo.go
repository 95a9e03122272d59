// A datagram echo server as a user of Go would write it. Prints its port.
package main

import (
	"fmt"
	"log"
	"net"
)

func main() {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conn.LocalAddr().(*net.UDPAddr).Port)
	buffer := make([]byte, 64*1024)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := conn.WriteToUDPAddrPort(buffer[:n], from); err != nil {
			log.Fatal(err)
		}
	}
}
