// Takes a signed webhook instead of polling, then cancels a run: go run examples/go/webhook/main.go
// The service must be allowed to call this machine: COMFLEET_ALLOW_PRIVATE_HOSTS=127.0.0.1:9099 npm start
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

type object = map[string]any

type event struct {
	RequestID string `json:"request_id"`
	Status    string `json:"status"`
	Outputs   map[string]struct {
		Images []struct {
			URL string `json:"url"`
		} `json:"images"`
	} `json:"outputs"`
	Error object `json:"error"`
}

var base, token string

func main() {
	log.SetFlags(0)
	base = strings.TrimRight(or(os.Getenv("COMFLEET_URL"), "http://127.0.0.1:7788"), "/") + "/prod/v2"
	token = os.Getenv("COMFLEET_TOKEN")
	if token == "" {
		text, err := os.ReadFile(".comfleet/admin-token")
		check(err)
		token = strings.TrimSpace(string(text))
	}
	receiver := "127.0.0.1:" + or(os.Getenv("WEBHOOK_PORT"), "9099")

	var secret struct{ Key string }
	call("GET", base+"/webhooks/secret", nil, &secret)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Key, "whsec_"))
	check(err)
	events := make(chan event, 16)
	go func() { check(http.ListenAndServe(receiver, receive(key, events))) }()

	var workflow, deployment struct{ ID string }
	post("/workflows", object{"name": "Plain"}, &workflow)
	post("/workflows/"+workflow.ID+"/versions", object{"workflow_api_json": object{
		"1": object{"class_type": "EmptyImage", "inputs": object{"width": 512, "height": 512, "batch_size": 1, "color": 0}},
		"2": object{"class_type": "SaveImage", "inputs": object{"images": []any{"1", 0}, "filename_prefix": "plain"}},
	}}, nil)
	post("/deployments", object{"name": "Plain", "workflow_id": workflow.ID, "workflow_version": "latest"}, &deployment)

	// An identical run would get the earlier run's files.
	random := rand.New(rand.NewSource(time.Now().UnixNano()))
	var request struct {
		RequestID string `json:"request_id"`
		StatusURL string `json:"status_url"`
		CancelURL string `json:"cancel_url"`
	}
	submit := func(body object) {
		body["overrides"] = object{"1": object{"inputs": object{"color": random.Intn(1 << 24)}}}
		post("/deployments/"+deployment.ID+"/inference", body, &request)
	}

	submit(object{"webhook": "http://" + receiver + "/"})
	select {
	case end := <-events:
		if end.RequestID != request.RequestID || end.Status != "succeeded" {
			log.Fatalf("%s %s %v", end.RequestID, end.Status, end.Error)
		}
		save("picture.png", end.Outputs["2"].Images[0].URL)
	case <-time.After(time.Minute):
		log.Fatal("no webhook came")
	}
	fmt.Println("genuine webhook, saved picture.png")

	submit(object{})
	var cancel struct{ Outcome string }
	call("POST", request.CancelURL, nil, &cancel)
	fmt.Println("cancel:", cancel.Outcome)
	// A run may finish before the cancel reaches it: then it stays finished.
	var now struct{ Status string }
	for now.Status != "completed" && now.Status != "cancelled" {
		call("GET", request.StatusURL, nil, &now)
		time.Sleep(200 * time.Millisecond)
	}
	fmt.Println("then:", now.Status)
}

func receive(key []byte, events chan<- event) http.HandlerFunc {
	return func(reply http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		var end event
		if err != nil || !isGenuine(key, request.Header, body) || json.Unmarshal(body, &end) != nil {
			reply.WriteHeader(http.StatusUnauthorized)
			return
		}
		reply.WriteHeader(http.StatusNoContent) // answer at once; any 2xx within 10 s acknowledges
		events <- end                           // the same event may come twice: tell by webhook-id
	}
}

// Standard Webhooks: HMAC-SHA256 over "id.timestamp.body"; while a secret is rotated there are two signatures.
func isGenuine(key []byte, headers http.Header, body []byte) bool {
	sentAt, err := strconv.ParseInt(headers.Get("webhook-timestamp"), 10, 64)
	if err != nil || math.Abs(float64(time.Now().Unix()-sentAt)) > 300 {
		return false // a repetition of an old call
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", headers.Get("webhook-id"), sentAt, body)
	for _, given := range strings.Fields(headers.Get("webhook-signature")) {
		signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(given, "v1,"))
		if err == nil && hmac.Equal(signature, mac.Sum(nil)) {
			return true
		}
	}
	return false
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
