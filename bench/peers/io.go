// What bench/io.lua does with files and processes, in Go; prints the seconds.
//
//	io copy FILE | read DIR N | read_many DIR N | spawn N
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func number(word string) int {
	n, err := strconv.Atoi(word)
	check(err)
	return n
}

func copyLines(path string) {
	from, err := os.Open(path)
	check(err)
	to, err := os.Create(path + ".copy")
	check(err)
	lines, out := bufio.NewScanner(from), bufio.NewWriter(to)
	for lines.Scan() {
		out.Write(lines.Bytes())
		out.WriteByte('\n')
	}
	check(lines.Err())
	check(out.Flush())
	check(to.Close())
}

func read(dir string, i int) {
	_, err := os.ReadFile(fmt.Sprintf("%s/%d", dir, i))
	check(err)
}

func readMany(dir string, n int) {
	numbers := make(chan int)
	var group sync.WaitGroup
	for i := 0; i < 16; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range numbers {
				read(dir, i)
			}
		}()
	}
	for i := 1; i <= n; i++ {
		numbers <- i
	}
	close(numbers)
	group.Wait()
}

func main() {
	words, start := os.Args[2:], time.Now()
	switch os.Args[1] {
	case "copy":
		copyLines(words[0])
	case "read":
		for i := 1; i <= number(words[1]); i++ {
			read(words[0], i)
		}
	case "read_many":
		readMany(words[0], number(words[1]))
	case "spawn":
		for i := 0; i < number(words[0]); i++ {
			check(exec.Command("true").Run())
		}
	}
	fmt.Printf("%.6f\n", time.Since(start).Seconds())
}
