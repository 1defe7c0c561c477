import {
  to = fc_function.hello
  id = "hello"
}
