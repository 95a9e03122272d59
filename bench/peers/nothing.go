// The shortest program in Go.
package main

func main() {}
