// A web server as a user of Go would write it: "hello", 1 KB of JSON, and the
// files of a directory. Prints its port.
//
//	http [directory]
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

type item struct {
	ID    int     `json:"id"`
	Name  string  `json:"name"`
	Price float64 `json:"price"`
	Done  bool    `json:"done"`
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "hello\n")
}

func list(w http.ResponseWriter, r *http.Request) {
	items := []item{}
	for i := 1; i <= 20; i++ {
		items = append(items, item{i, fmt.Sprint("item ", i), float64(i) * 1.25, i%2 == 0})
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string][]item{"items": items})
}

func main() {
	http.HandleFunc("/", hello)
	http.HandleFunc("/json", list)
	if len(os.Args) > 1 {
		files := http.FileServer(http.Dir(os.Args[1]))
		http.Handle("/static/", http.StripPrefix("/static/", files))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, nil))
}
