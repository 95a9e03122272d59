// The operations of bench/ops.lua in Go; prints the CPU seconds.
//
//	ops NAME N
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func nothing() {}

// Runs fn in each of so many goroutines, and waits for them.
func all(count int, fn func()) {
	var group sync.WaitGroup
	group.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			defer group.Done()
			fn()
		}()
	}
	group.Wait()
}

func turns(n int) {
	for i := 0; i < n; i++ {
		runtime.Gosched()
	}
}

func spawn(n int) {
	for i := 0; i < n; i++ {
		done := make(chan struct{})
		go func() {
			nothing()
			close(done)
		}()
		<-done
	}
}

func gather(n int) {
	for i := 0; i < n/10000; i++ {
		all(10000, nothing)
	}
}

func awaitDone(n int) {
	done := make(chan struct{})
	close(done)
	for i := 0; i < n; i++ {
		<-done
	}
}

func lock(n int) {
	var lock sync.Mutex
	for i := 0; i < n; i++ {
		lock.Lock()
		lock.Unlock() //lint:ignore SA2001 it is what is measured
	}
}

func lockContended(n int) {
	var lock sync.Mutex
	all(100, func() {
		for i := 0; i < n/100; i++ {
			lock.Lock()
			runtime.Gosched()
			lock.Unlock()
		}
	})
}

func queueBounded(n int) {
	queue := make(chan int, 10)
	go func() {
		for i := 0; i < n; i++ {
			queue <- i
		}
	}()
	for i := 0; i < n; i++ {
		<-queue
	}
}

func event(n int) {
	set, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		for i := 0; i < n; i++ {
			<-set
		}
		close(done)
	}()
	for i := 0; i < n; i++ {
		runtime.Gosched()
		set <- struct{}{}
	}
	<-done
}

func timeout(n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithTimeout(context.Background(), time.Second)
		nothing()
		cancel()
	}
}

func sleeps(n int) {
	var group sync.WaitGroup
	group.Add(n)
	for i := 1; i <= n; i++ {
		i := i
		go func() {
			time.Sleep(time.Duration(i*7919%1000+1) * time.Millisecond)
			group.Done()
		}()
	}
	group.Wait()
}

func timers(n int) {
	handles := make([]*time.Timer, n)
	for i := range handles {
		handles[i] = time.AfterFunc(time.Duration((i+1)*7919%100000+10)*time.Second, nothing)
	}
	for i := range handles {
		handles[(i+1)*7919%n].Stop()
	}
	for i := range handles {
		handles[i].Stop()
	}
}

func resident() int {
	text, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.Atoi(strings.Fields(string(text))[1])
	return pages * 4096
}

// The bytes of a goroutine that sleeps.
func sleeping(n int) int {
	before := resident()
	for i := 0; i < n; i++ {
		go time.Sleep(1e6 * time.Second)
	}
	turns(2)
	return (resident() - before) / n
}

var ops = map[string]func(int){
	"switch":      func(n int) { all(2, func() { turns(n / 2) }) },
	"switch_many": func(n int) { all(10000, func() { turns(n / 10000) }) },
	"spawn":       spawn, "gather": gather, "await_done": awaitDone,
	"lock": lock, "lock_contended": lockContended,
	"queue_bounded": queueBounded, "event": event,
	"timeout": timeout, "sleeps": sleeps, "timers": timers,
}

func cpu() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func main() {
	name := os.Args[1]
	n, _ := strconv.Atoi(os.Args[2])
	if name == "sleeping" {
		fmt.Println(sleeping(n))
		return
	}
	start := cpu()
	ops[name](n)
	fmt.Printf("%.6f\n", cpu()-start)
}
