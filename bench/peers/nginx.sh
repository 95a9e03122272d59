#!/bin/sh
# nginx as one process: a fixed answer and files, or answers by Lua, which it
# needs its Lua module for. Prints its port.
#   nginx.sh static|lua [directory]
# /ops?NAME&N of the latter runs ops_nginx.lua.
kind=$1
root=${2:-/nonexistent}
port=$((10000 + $$ % 20000))
dir=$(mktemp -d)
if [ "$kind" = lua ]; then
  modules=/usr/lib/nginx/modules
  load="load_module $modules/ndk_http_module.so;
    load_module $modules/ngx_http_lua_module.so;"
  places='
    location / {
      content_by_lua_block {
        ngx.header.content_type = "text/plain; charset=utf-8"
        ngx.header.content_length = 6
        ngx.print("hello\n")
      }
    }
    location /ops { content_by_lua_file '"$PWD"'/bench/peers/ops_nginx.lua; }
    location /json {
      content_by_lua_block {
        local list = {}
        for i = 1, 20 do
          list[i] = { id = i, name = "item " .. i, price = i * 1.25, done = i % 2 == 0 }
        end
        local text = require("cjson").encode({ items = list })
        ngx.header.content_type = "application/json"
        ngx.header.content_length = #text
        ngx.print(text)
      }
    }'
else
  load=
  places="
    location / { default_type text/plain; return 200 \"hello\\n\"; }
    location /static/ { alias $root/; }"
fi
cat >"$dir/conf" <<END
$load
daemon off; master_process off; pid $dir/pid; error_log $dir/log;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 100000000; client_body_temp_path $dir;
  proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir;
  scgi_temp_path $dir; sendfile on; tcp_nopush on;
  server {
    listen 127.0.0.1:$port backlog=1024;
    $places
  }
}
END
# Its pid is written once it listens.
(
  tries=0
  while [ ! -s "$dir/pid" ] && [ $tries -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
  done
  [ ! -s "$dir/pid" ] || echo "$port"
) &
exec /usr/sbin/nginx -c "$dir/conf" -p "$dir"
