#!/bin/sh
# nginx with a fixed answer, as one process. Prints its port.
port=$((20000 + $$ % 20000))
dir=$(mktemp -d)
cat >"$dir/conf" <<END
daemon off; master_process off; pid $dir/pid; error_log /dev/null;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; client_body_temp_path $dir;
  proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir;
  scgi_temp_path $dir;
  server {
    listen 127.0.0.1:$port;
    location / { default_type text/plain; return 200 "hello\n"; }
  }
}
END
echo "$port"
exec /usr/sbin/nginx -c "$dir/conf" -p "$dir" 2>/dev/null
