// The requests of bench/client.lua in Go; prints the CPU seconds.
//
//	client URL REQUESTS AT_ONCE
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
)

func get(client *http.Client, url string) {
	response, err := client.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		log.Fatal(err)
	}
}

func main() {
	requests, _ := strconv.Atoi(os.Args[2])
	atOnce, _ := strconv.Atoi(os.Args[3])
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce, DisableCompression: true}}
	left := make(chan int, requests)
	for i := 0; i < requests; i++ {
		left <- i
	}
	close(left)
	var group sync.WaitGroup
	group.Add(atOnce)
	for i := 0; i < atOnce; i++ {
		go func() {
			defer group.Done()
			for range left {
				get(client, os.Args[1])
			}
		}()
	}
	group.Wait()
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	fmt.Printf("%.3f\n", float64(used.Utime.Nano()+used.Stime.Nano())/1e9)
}
