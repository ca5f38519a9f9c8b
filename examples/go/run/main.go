// Sends a photo through a deployment and saves the picture: go run examples/go/run/main.go [photo.jpg]
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

type object = map[string]any

type submitted struct {
	RequestID string `json:"request_id"`
	StatusURL string `json:"status_url"`
	ResultURL string `json:"result_url"`
	CancelURL string `json:"cancel_url"`
}

type result struct {
	Status  string `json:"status"`
	Outputs map[string]struct {
		Images []struct {
			URL      string `json:"url"`
			Filename string `json:"filename"`
		} `json:"images"`
	} `json:"outputs"`
	Error []struct {
		Code    int    `json:"errorCode"`
		Name    string `json:"error"`
		Details string `json:"details"`
	} `json:"error"`
}

var base, token string

func main() {
	log.SetFlags(0)
	base = strings.TrimRight(or(os.Getenv("COMFLEET_URL"), "http://127.0.0.1:7788"), "/") + "/prod/v2"
	token = os.Getenv("COMFLEET_TOKEN")
	if token == "" {
		token = strings.TrimSpace(string(read(".comfleet/admin-token")))
	}
	_, here, _, _ := runtime.Caller(0)
	examples := filepath.Join(filepath.Dir(here), "..", "..")
	photo := filepath.Join(examples, "photo.jpg")
	if len(os.Args) > 1 {
		photo = os.Args[1]
	}
	image := "data:;base64," + base64.StdEncoding.EncodeToString(read(photo))

	var workflow, deployment struct{ ID string }
	post("/workflows", object{"name": "Glow print"}, &workflow)
	graph := json.RawMessage(read(filepath.Join(examples, "workflow.json")))
	post("/workflows/"+workflow.ID+"/versions", object{"workflow_api_json": graph}, nil)
	post("/deployments", object{
		"name": "Glow print", "workflow_id": workflow.ID, "workflow_version": "latest",
	}, &deployment)

	var request submitted
	post("/deployments/"+deployment.ID+"/inference", object{"overrides": object{
		"1": object{"inputs": object{"image": image}},
		"4": object{"inputs": object{"blend_factor": 0.85}},
	}}, &request)
	fmt.Println("submitted", request.RequestID)

	for status := ""; status != "completed" && status != "cancelled"; time.Sleep(200 * time.Millisecond) {
		var now struct{ Status string }
		call("GET", request.StatusURL, nil, &now)
		if now.Status != status {
			fmt.Println(now.Status)
		}
		status = now.Status
	}

	var end result
	call("GET", request.ResultURL, nil, &end)
	if end.Status != "succeeded" {
		log.Fatalf("%s: %+v", end.Status, end.Error)
	}
	for _, output := range end.Outputs {
		for _, picture := range output.Images {
			save("picture.png", picture.URL)
		}
	}
	fmt.Println("saved picture.png")
}

func post(path string, body object, into any) { call("POST", base+path, body, into) }

func call(method, url string, body object, into any) {
	var text []byte
	if body != nil {
		var err error
		text, err = json.Marshal(body)
		check(err)
	}
	request, err := http.NewRequest(method, url, bytes.NewReader(text))
	check(err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	reply, err := http.DefaultClient.Do(request)
	check(err)
	defer reply.Body.Close()
	answer, err := io.ReadAll(reply.Body)
	check(err)
	if reply.StatusCode >= 300 {
		log.Fatalf("%s %s", reply.Status, answer)
	}
	if into != nil {
		check(json.Unmarshal(answer, into))
	}
}

func save(name, url string) {
	reply, err := http.Get(url)
	check(err)
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		log.Fatalf("%s %s", reply.Status, url)
	}
	file, err := os.Create(name)
	check(err)
	defer file.Close()
	_, err = io.Copy(file, reply.Body)
	check(err)
}

func read(name string) []byte {
	content, err := os.ReadFile(name)
	check(err)
	return content
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
