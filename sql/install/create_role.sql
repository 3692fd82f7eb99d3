create role {{ role }} nologin
